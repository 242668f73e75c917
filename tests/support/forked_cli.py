"""Runs dcplan's command line in forked processes, which start in a blink: all is imported already.

A script for ``fork_server``.
"""

from __future__ import annotations

import os
import sys
import traceback

# What ``plan`` and ``apply`` import, so that the children need not.  Nothing
# here starts a thread, which a fork would lose.
import dcplan.cli.applying
import dcplan.cli.commands.apply
import dcplan.cli.commands.plan
import dcplan.cli.views.plan
import dcplan.plan.codec
import dcplan.provider.local
import dcplan.workflow.deciding
import dcplan.workflow.gathering
from dcplan.cli.main import main
from fork_server import Job, serve


def _run(job: Job) -> int:
    """Be ``dcplan`` with the job's arguments in its folder."""
    os.chdir(job["folder"])
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = ["dcplan", *job["arguments"]]
    try:
        main()
    except SystemExit as end:
        sys.stdout.flush()
        return end.code if isinstance(end.code, int) else 0
    except BaseException:  # noqa: BLE001 - a traceback in the log says more than the parent's code path
        traceback.print_exc()
        sys.stderr.flush()
        return 70
    return 0


if __name__ == "__main__":
    dcplan.plan.codec.adapter()
    serve(_run)
