"""What PostgreSQL's errors mean to a store that writes only after a comparison.

Source: PostgreSQL documentation, appendix "PostgreSQL Error Codes": the first two characters name a class.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dcplan.state.blobs import BlobRefused, BlobUncertain

if TYPE_CHECKING:
    from psycopg import Error

PASSING = ("08", "40", "53", "55", "57", "58", "XX")
"""Classes that pass: connections, conflicts, resources, locks, operators, systems, the server's own bugs."""

SOON = re.compile(
    r"starting up|shutting down|too many|slots are reserved|not yet accepting|recovery", re.IGNORECASE
)
"""What a server says that will take connections again; it gives no code while connecting."""

NO = re.compile(
    r"FATAL|no password supplied|definition of service|service file|certificate|does not support SSL"
)
"""What a server or libpq says that will say the same again."""


def judged(problem: Error, where: str) -> Exception:
    """The error of ``Blobs`` that an error of a statement is."""
    code, said = problem.sqlstate, _line(problem)
    if code is None or code.startswith(PASSING):
        return BlobUncertain(said)
    if code == "42501":
        return BlobRefused(
            f"{where} may not be used that way: {said}. docs/state_servers.md has the grants that are needed."
        )
    if code == "25006":
        return BlobRefused(
            f"{where} is a copy that cannot be written ({said}). Name the primary server in `url`."
        )
    return BlobRefused(f"{where} refuses ({said}). Mend the settings of `backend: postgres:`.")


def judged_connecting(problem: Error, where: str) -> Exception:
    """The same while connecting, where nothing was sent."""
    said = _line(problem)
    if "read-only" in said or "hot standby" in said:
        return BlobRefused(
            f"{where} is a copy that cannot be written ({said}). Name the primary server in `url`."
        )
    if NO.search(said) and not SOON.search(said):
        return BlobRefused(
            f"{where} cannot be opened: {said}. Mend `url`, or give a password in PGPASSWORD, in a file that "
            "PGPASSFILE names, or in a service."
        )
    return BlobUncertain(said)


def _line(problem: Error) -> str:
    """What the server says, on one line, without what libpq asks whoever reads it."""
    said = " ".join(str(problem).split()).removeprefix("connection failed: ")
    return said.removesuffix(" Is the server running on that host and accepting TCP/IP connections?").rstrip(
        "."
    )
