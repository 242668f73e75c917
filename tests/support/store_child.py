"""Sessions of a remote state's holder, each in a forked process that may die right after one of its writes.

A script for ``fork_server``, with kind and settings of the server as JSON in the environment.  The addresses
whose writes returned are lines of the file ``returned``.
"""

from __future__ import annotations

import json
import os
from functools import partial
from typing import TYPE_CHECKING

import google.auth.transport.requests  # noqa: F401 - imported once, before the forks
import psycopg  # noqa: F401 - as above

from dcplan.resources import Address
from dcplan.state import log
from dcplan.state.backends import open_blobs
from dcplan.state.patience import Times
from dcplan_aws.blobs import S3Blobs
from deadly_blobs import Deadly, Fuse
from fork_server import Job, serve
from store_contract import INFO, resource

if TYPE_CHECKING:
    from dcplan.state.blobs import Blobs

SERVER = "STORE_CHILD_SERVER"
WRITES = 3
FOLD = 2
"""A snapshot after so many writes, so that a short session has several."""


def session(opened: Blobs, job: Job) -> int:
    """Take the lease over from whoever died, write, fold, release."""
    log.FOLD_LEAST = log.FOLD_MOST = FOLD
    blobs = Deadly(opened, Fuse(job["at"]))
    times = Times(clock=lambda: float(job["now_s"]))
    store = log.open_log(blobs, create=True, manner=log.Manner(times=times, beat=False)).unwrap()
    returned = os.open(job["returned"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with store.lock(INFO).unwrap():
        for n in range(WRITES):
            address = Address("local", "machine", f"{job['at']}-{n}")
            store.record({address: resource(address)})
            os.write(returned, f"{address}\n".encode())
    store.close()
    return 0


def main() -> None:
    """Have everything ready but a connection, which no two processes may share."""
    kind, settings = json.loads(os.environ[SERVER])
    opened = open_blobs(kind, settings).unwrap()
    if isinstance(opened, S3Blobs):
        opened._opened()  # It reads megabytes of descriptions.
    serve(partial(session, opened))


if __name__ == "__main__":
    main()
