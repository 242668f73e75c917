"""Workers of a Dask cluster as helpers; needs the extra ``dask``.

Dask runs whatever it is sent, on both sides: its scheduler must be one that
is trusted.  Certificates come from Dask's own configuration (``tls://``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import CancelledError
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

from dcplan.diag import Diagnostic, error
from dcplan.workflow.executors import Helpers, Lost

WAIT_S = 3.0
"""For the scheduler's first answer."""

GRAPH_BYTES = 2**30
"""Of one question, before Dask warns that it is large: it is a whole problem, and meant to be."""


@contextmanager
def dask_cluster(address: str) -> Iterator[Helpers]:
    """All workers that the scheduler at this address has now; raises ``Lost``."""
    if find_spec("distributed") is None:
        raise Lost(_no_package())
    import dask  # noqa: PLC0415 - an extra
    import distributed  # noqa: PLC0415 - an extra

    at_once = _threads(address)
    gone = (distributed.KilledWorker, distributed.comm.CommClosedError, CancelledError, TimeoutError)
    with _quiet(), dask.config.set({"distributed.admin.large-graph-warning-threshold": GRAPH_BYTES}):
        try:
            with distributed.Client(address, timeout=WAIT_S, set_as_default=False) as client:
                _check_versions(client.run(version, "dcplan", on_error="return"))
                with client.get_executor() as executor:
                    yield Helpers(executor=executor, at_once=at_once)
        except gone as problem:
            detail = (
                f"The Dask cluster at {address} was lost in the middle of the work "
                f"({type(problem).__name__}): its scheduler ended, or workers did again and again, most "
                "often because they ran out of memory. Start it anew, or leave -executor out."
            )
            raise Lost(error("helper-lost", "A helper was lost", detail)) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """What happens to the connection is told once, as a diagnostic, and not by Dask's log as well."""
    log = logging.getLogger("distributed")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


def _threads(address: str) -> int:
    """Of all workers, as the scheduler tells; raises ``Lost`` where there is none, or no scheduler."""
    try:
        told = asyncio.run(asyncio.wait_for(_identity(address), WAIT_S))
    except (OSError, ValueError, RuntimeError) as problem:
        why = str(problem) or f"no answer within {WAIT_S:.0f} s"
        detail = (
            f"There is no answer from a Dask scheduler at {address}: {why}. Start one with "
            "`dask scheduler`, whose output names its address, as in tcp://10.0.0.7:8786, or leave "
            "--executor out."
        )
        raise Lost(error("no-scheduler", "The Dask scheduler cannot be reached", detail)) from None
    if told.get("type") != "Scheduler":
        kind = str(told.get("type", "stranger"))
        detail = f"At {address} is no Dask scheduler but a {kind}. Name the address of the scheduler."
        raise Lost(error("no-scheduler", "The Dask scheduler cannot be reached", detail))
    threads = sum(worker["nthreads"] for worker in told["workers"].values())
    if not threads:
        detail = (
            f"The Dask scheduler at {address} has no workers, so nothing would ever be done. Start some with "
            f"`dask worker {address}` where dcplan is installed."
        )
        raise Lost(error("no-workers", "The Dask cluster has no workers", detail))
    return int(threads)


async def _identity(address: str) -> Mapping[str, Any]:
    """What the server at an address says of itself; without a client, which would try on after a failure."""
    from distributed.core import rpc  # noqa: PLC0415 - an extra
    from distributed.security import Security  # noqa: PLC0415 - as above

    arguments = Security().get_connection_args("client")
    async with rpc(address, timeout=WAIT_S, connection_args=arguments) as server:
        told: Mapping[str, Any] = await server.identity()
        return told


def version_here() -> str:
    """Of dcplan in this process."""
    return version("dcplan")


def _check_versions(found: Mapping[str, object]) -> None:
    """Workers with another dcplan, or without, would answer something else; raises ``Lost``."""
    here = version_here()
    for worker, there in sorted(found.items()):
        if there == here:
            continue
        has = "no dcplan" if isinstance(there, PackageNotFoundError) else f"dcplan {there}"
        detail = (
            f"The Dask worker {worker} has {has}, and here is dcplan {here}: its answers could differ. "
            f"Install dcplan {here} where workers run."
        )
        raise Lost(error("other-version", "A Dask worker has another dcplan", detail))


def _no_package() -> Diagnostic:
    detail = (
        "--executor dask needs the package distributed, which is an extra. Install it with "
        "`pip install 'dcplan[dask]'`, or use -executor processes."
    )
    return error("no-dask", "Dask is not installed", detail)
