"""Runs dcplan's command line in forked processes, which start in a blink: all is imported already.

Started as a script it reads one JSON job a line from standard input and
answers with the child's exit status: -9 for one that was killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
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


def child(job: dict[str, object]) -> None:
    """Be ``dcplan`` with these arguments in this folder; never returns."""
    os.chdir(str(job["folder"]))
    os.environ.update(job["environment"])  # type: ignore[arg-type]  # read from JSON
    log = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.argv = ["dcplan", *job["arguments"]]  # type: ignore[misc]  # read from JSON
    try:
        main()
    except SystemExit as end:
        sys.stdout.flush()
        os._exit(end.code if isinstance(end.code, int) else 0)
    except BaseException:  # noqa: BLE001 - a traceback in the log says more than the parent's code path
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(70)


def serve() -> None:
    """Run each job in a child of its own; kill it after ``kill_after_s`` when that is given."""
    dcplan.plan.codec.adapter()
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            child(job)
        if job["kill_after_s"] is not None:
            time.sleep(job["kill_after_s"])
            os.kill(pid, signal.SIGKILL)  # Our own child, not waited for yet: the id is still its.
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    serve()
