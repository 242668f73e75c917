"""Runs dcplan's command line in forked processes, with the provider ``faraway`` if its folder is on the path.

A script for ``fork_server``.  What a command prints is in the file ``out`` of the job's folder.  With
``file_limit_bytes`` in the job, the kernel refuses to let any file that the command writes grow beyond it.
With ``dies_at_write``, the command dies right after so many of its writes to a server of state.
``FORKED_CLI_IMPORTS`` in the environment names further modules that the commands are going to need.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import subprocess
import sys
import traceback
from collections.abc import Iterator

# What the children need, so that they start in a blink.  Nothing here starts
# a thread, which a fork would lose.
import numpy.ma  # noqa: F401 - the solver's bindings ask for it
import ortools.sat.python.cp_model_helper  # noqa: F401 - as the first solve would

import dcplan.cli.applying
import dcplan.cli.commands.apply
import dcplan.cli.commands.plan
import dcplan.cli.commands.state
import dcplan.cli.views.plan
import dcplan.plan.codec
import dcplan.provider.local
import dcplan.workflow.deciding
import dcplan.workflow.gathering
from dcplan.cli.main import main
from deadly_blobs import die_at_write
from fork_server import Job, serve


def _run(job: Job) -> int:
    """Be ``dcplan`` with the job's arguments in its folder."""
    os.chdir(job["folder"])
    out = os.open("out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    limit_bytes = job.get("file_limit_bytes")
    with _unlimited(out) if limit_bytes else contextlib.nullcontext(out) as said_to:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(said_to, 1)
        os.dup2(said_to, 2)
        if limit_bytes:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))
        if job.get("dies_at_write"):
            die_at_write(job["dies_at_write"])
        sys.argv = ["dcplan", *job["arguments"]]
        return _ended()


@contextlib.contextmanager
def _unlimited(out: int) -> Iterator[int]:
    """A pipe into ``out`` through a process of its own, which no limit set later holds for."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=out) as cat:
        assert cat.stdin is not None
        yield cat.stdin.fileno()
        for number in (1, 2):
            os.close(number)


def _ended() -> int:
    """Run it; its exit status, as the shell has it."""
    try:
        main()
    except SystemExit as end:
        sys.stdout.flush()
        return end.code if isinstance(end.code, int) else 0
    except BaseException:  # noqa: BLE001 - a traceback in the output says more than the parent's code path
        traceback.print_exc()
        sys.stderr.flush()
        return 70
    return 0


if __name__ == "__main__":
    dcplan.plan.codec.adapter()
    for name in os.environ.get("FORKED_CLI_IMPORTS", "").split():
        importlib.import_module(name)
    serve(_run)
