"""What the log tells of the state: its writes, its lock, and each call to the server that keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dcplan.diag.watch import Fields, Watched, watched
from dcplan.state.types import Acknowledged, Finished, Intended, Recorded, Voided

if TYPE_CHECKING:
    from dcplan.diag import Result
    from dcplan.state.blobs import Blob, Blobs
    from dcplan.state.store import Lease, StateStore
    from dcplan.state.types import LockInfo, Record, State

_SHOWN = 50
"""Records of one write that are told one by one."""


def _record(record: Record) -> str:
    """One record in words: what was intended, what came of it."""
    if isinstance(record, Intended):
        told = f"{record.operation.action.value} {record.operation.address} {record.operation.op_id}"
    elif isinstance(record, Acknowledged):
        told = f"{record.op_id} {record.object_id}"
    elif isinstance(record, Finished | Voided):
        told = record.op_id
    elif isinstance(record, Recorded):
        told = f"{record.address} {'is gone' if record.resource is None else 'is there'}"
    else:
        told = ""
    return f"{type(record).__name__} {told}".strip()


def _records(records: Sequence[Record]) -> Fields:
    more = len(records) - _SHOWN
    told = [_record(one) for one in records[:_SHOWN]]
    return {"records": [*told, f"{more} more"] if more > 0 else told}


def _state(state: State) -> Fields:
    return {"lineage": state.lineage, "serial": state.serial, "resources": len(state.resources)}


def _wanted(info: LockInfo) -> Fields:
    return {"who": info.who, "pid": info.pid, "operation": info.operation}


def _lease(lease: Result[Lease]) -> Fields:
    if lease.value is None:
        return {"outcome": "refused", "codes": [d.code for d in lease.diagnostics]}
    return {"epoch": lease.value.epoch}


def _name(name: str, body: bytes | None = None, **_: object) -> Fields:
    return {"name": name, "bytes": None if body is None else len(body)}


def _blob(blob: Blob | None) -> Fields:
    if blob is None:
        return {"found": False}
    return {"found": True, "bytes": len(blob.body), "version": blob.version}


def _addresses(found: Mapping[Any, Any]) -> Fields:
    return {"addresses": [str(address) for address in list(found)[:_SHOWN]]}


STORE: Mapping[str, Watched] = {
    "read": Watched(level="trace", gives=_state),
    "open_operations": Watched(level="trace", gives=lambda open_: {"open": [o.op_id for o in open_]}),
    "lock": Watched(level="info", asks=_wanted, gives=_lease),
    "force_unlock": Watched(level="info", gives=lambda epoch: {"epoch": epoch}),
    "look": Watched(level="trace"),
    "write": Watched(asks=_records),
    "record": Watched(asks=_addresses),
    "set_deployment": Watched(),
    "compact": Watched(level="trace", gives=lambda dropped: {"dropped": dropped}),
    "replace": Watched(),
    "close": Watched(level="trace"),
}
"""Calls of a store that say something to who looks for what happened."""

BLOBS: Mapping[str, Watched] = {
    "get": Watched(asks=_name, gives=_blob),
    "put": Watched(asks=_name, gives=lambda version: {"version": version}),
    "delete": Watched(asks=_name),
    "names": Watched(asks=lambda prefix: {"prefix": prefix}, gives=lambda names: {"names": len(names)}),
}
"""Every call to a server of states."""


def logged_store(store: StateStore) -> StateStore:
    """The store; while a log is written, one whose calls it tells."""
    return watched(store, "state", STORE, where=store.where)


def logged_blobs(blobs: Blobs) -> Blobs:
    """The server; while a log is written, one whose calls it tells."""
    return watched(blobs, "server", BLOBS, where=blobs.where)
