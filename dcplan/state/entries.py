"""One entry of the log of a remote state: records that were written together, or a change of holder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never

from dcplan.resources import Address
from dcplan.state import rows
from dcplan.state.sql import set_deployment, write_all
from dcplan.state.types import (
    Acknowledged,
    Finished,
    Intended,
    Record,
    Recorded,
    Restored,
    RunNoted,
    State,
    Tries,
    Voided,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from dcplan.resources import JsonValue, Resource

PREFIX = "journal/"
_DIGITS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one slot of the log holds."""

    slot: int
    """Its number, from 1; nobody leaves one out."""
    lineage: str
    """Of the state that it is written behind; its frame tells it."""
    epoch: int
    """Of the lease under which it was written."""
    nonce: str
    """Of this writing alone: tells one's own entry from another's when an answer was lost."""
    at_s: float
    """Unix time, for people and for pruning; nothing is decided by it."""
    marker: bool = False
    """Says that ``epoch`` begins here; holds nothing else."""
    records: tuple[Record, ...] = ()
    deployment: Mapping[str, JsonValue] | None = None

    @property
    def name(self) -> str:
        """Of its blob."""
        return name_of(self.slot)

    @property
    def lineage_after(self) -> str:
        """Of the state once it is taken in: another one where a whole state was restored."""
        restored = [r.state.lineage for r in self.records if isinstance(r, Restored)]
        return restored[-1] if restored else self.lineage


def name_of(slot: int) -> str:
    """The blob of a slot; names are in the order of slots."""
    return f"{PREFIX}{slot:0{_DIGITS}}"


def slot_of(name: str) -> int | None:
    """The slot of a blob, or None for a blob that is none."""
    digits = name.removeprefix(PREFIX)
    return int(digits) if len(digits) == _DIGITS and digits.isdecimal() else None


def to_content(entry: Entry) -> dict[str, Any]:
    """An entry as JSON values."""
    content: dict[str, Any] = {
        "slot": entry.slot,
        "epoch": entry.epoch,
        "nonce": entry.nonce,
        "at_s": entry.at_s,
    }
    if entry.marker:
        content["marker"] = True
    if entry.records:
        content["records"] = [_record_content(record) for record in entry.records]
    if entry.deployment is not None:
        content["deployment"] = entry.deployment
    return content


def from_content(content: Mapping[str, Any], lineage: str) -> Entry:
    """The entry of ``to_content``; ValueError, KeyError or TypeError when it is none."""
    return Entry(
        slot=int(content["slot"]),
        lineage=lineage,
        epoch=int(content["epoch"]),
        nonce=str(content["nonce"]),
        at_s=float(content["at_s"]),
        marker=bool(content.get("marker", False)),
        records=tuple(_record_from(one) for one in content.get("records", ())),
        deployment=content.get("deployment"),
    )


def enact(sql: sqlite3.Connection, entry: Entry) -> None:
    """Do to the tables what the entry says, within a transaction of the caller's."""
    if entry.marker:
        sql.execute("UPDATE meta SET epoch = ?", (entry.epoch,))
    write_all(sql, entry.records)
    if entry.deployment is not None:
        set_deployment(sql, entry.deployment)


def _record_content(record: Record) -> dict[str, Any]:  # noqa: PLR0911 - one a kind of record
    match record:
        case Intended(operation=operation):
            return {"intended": list(rows.operation_row(operation))}
        case Acknowledged(op_id=op_id, object_id=object_id, operation_id=operation_id):
            return {"acknowledged": op_id, "object_id": object_id, "operation_id": operation_id}
        case Finished(op_id=op_id, resource=resource):
            return {"finished": op_id, "resource": _resource_content(resource)}
        case Voided(op_id=op_id, why=why):
            return {"voided": op_id, "why": why}
        case Recorded(address=address, resource=resource):
            return {"recorded": str(address), "resource": _resource_content(resource)}
        case RunNoted(run_id=run_id, content=content):
            return {"run_noted": run_id, "content": content}
        case Restored(state=state, tries=tries):
            return {"restored": _state_content(state), "tries": _tries_content(tries)}
        case _:
            assert_never(record)


def _record_from(content: Mapping[str, Any]) -> Record:  # noqa: PLR0911 - as above
    match content:
        case {"intended": row}:
            return Intended(operation=rows.operation_from(tuple(row)))
        case {"acknowledged": op_id, "object_id": object_id, "operation_id": operation_id}:
            return Acknowledged(op_id=op_id, object_id=object_id, operation_id=operation_id)
        case {"finished": op_id, "resource": resource}:
            return Finished(op_id=op_id, resource=_resource_from(resource))
        case {"voided": op_id, "why": why}:
            return Voided(op_id=op_id, why=why)
        case {"recorded": address, "resource": resource}:
            return Recorded(address=Address.parse(address), resource=_resource_from(resource))
        case {"run_noted": run_id, "content": noted}:
            return RunNoted(run_id=run_id, content=noted)
        case {"restored": state, "tries": tries}:
            return Restored(state=_state_from(state), tries=_tries_from(tries))
        case _:
            msg = f"a record of a kind that this dcplan does not know: {', '.join(content)}"
            raise ValueError(msg)


def _state_content(state: State) -> dict[str, Any]:
    return {
        "version": state.version,
        "lineage": state.lineage,
        "serial": state.serial,
        "deployment": state.deployment,
        "resources": [[str(a), rows.dumps(rows.resource_content(r))] for a, r in state.resources.items()],
    }


def _state_from(content: Mapping[str, Any]) -> State:
    pairs = [(address, body) for address, body in content["resources"]]
    return State(**{**content, "resources": rows.resources_from(pairs)})


def _tries_content(tries: Mapping[Address, Tries]) -> dict[str, list[int]]:
    return {str(address): [one.generation, one.attempt] for address, one in tries.items()}


def _tries_from(content: Mapping[str, Any]) -> dict[Address, Tries]:
    return {Address.parse(text): Tries(generation=g, attempt=n) for text, (g, n) in content.items()}


def _resource_content(resource: Resource | None) -> dict[str, Any] | None:
    if resource is None:
        return None
    return {"address": str(resource.address), **rows.resource_content(resource)}


def _resource_from(content: Mapping[str, Any] | None) -> Resource | None:
    if content is None:
        return None
    return rows.resource_from(Address.parse(content["address"]), content, {})
