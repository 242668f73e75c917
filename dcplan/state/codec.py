"""State to JSON document and back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dcplan.diag import Diagnostics, Result, error, has_errors
from dcplan.resources import Address
from dcplan.state import rows
from dcplan.state.check import check
from dcplan.state.types import Restored, State, Tries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dcplan.state.file import ResourceRecord

_SHOWN = 5
"""Mistakes of a document that are told; the rest are likely their echo."""


def to_json(state: State, *, tries: Mapping[Address, Tries] | None = None, indent: int | None = 2) -> str:
    """The state as a ``state.v1`` document, resources in order of address."""
    from dcplan.state import file  # noqa: PLC0415 - pydantic, which other uses of a state do without

    records = list(_records(state))
    deployment: dict[str, Any] = dict(state.deployment)
    document = file.StateFile(
        version=state.version,
        lineage=state.lineage,
        serial=state.serial,
        resources=records,
        deployment=deployment,
        tries={
            str(address): file.TriesRecord(generation=tried.generation, attempt=tried.attempt)
            for address, tried in sorted((tries or {}).items())
        },
    )
    return file.adapter().dump_json(document, indent=indent).decode()


def fields_of(state: State) -> Iterator[tuple[str, object]]:
    """Name and JSON value of each field of a ``state.v1`` document; of the resources an iterator."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - as above

    from dcplan.state import file  # noqa: PLC0415 - as above

    one = TypeAdapter(file.ResourceRecord)
    for name, value in json.loads(to_json(replace(state, resources={}), indent=None)).items():
        yield name, (json.loads(one.dump_json(r)) for r in _records(state)) if name == "resources" else value


def _records(state: State) -> Iterator[ResourceRecord]:
    """The resources as the document has them, in order of address."""
    from dcplan.state import file  # noqa: PLC0415 - as above

    for address in sorted(state.resources):
        content = rows.resource_content(state.resources[address])
        yield file.ResourceRecord(address=str(address), **content)


def from_json(text: str | bytes) -> Result[State]:
    """The state of a ``state.v1`` document, without its tries; diagnostics as ``restored_from``."""
    read = restored_from(text)
    return Result(None if read.value is None else read.value.state, read.diagnostics)


def restored_from(text: str | bytes) -> Result[Restored]:
    """State and tries of a ``state.v1`` document; diagnostics ``state-damaged`` and those of ``check``."""
    from pydantic import ValidationError  # noqa: PLC0415 - as above

    from dcplan.state import file  # noqa: PLC0415 - as above

    try:
        document = file.adapter().validate_json(text)
    except ValidationError as e:
        return Result(None, _mistakes(e.errors()))
    known: dict[str, Address] = {}
    resources = {}
    for record in document.resources:
        address = known.setdefault(record.address, Address.parse(record.address))
        content = {
            "attributes": record.attributes,
            "needs": record.needs,
            "known_after_apply": record.known_after_apply,
            "outputs": record.outputs,
            "protect": record.protect,
            "on_remove": record.on_remove,
        }
        resources[address] = rows.resource_from(address, content, known)
    said: dict[str, Any] = dict(document.deployment)
    state = State(
        version=document.version,
        lineage=document.lineage,
        serial=document.serial,
        resources=resources,
        deployment=said,
    )
    tries = {
        known.setdefault(name, Address.parse(name)): Tries(generation=t.generation, attempt=t.attempt)
        for name, t in document.tries.items()
    }
    found = check(state)
    return Result(None if has_errors(found) else Restored(state=state, tries=tries), found)


def json_schema() -> dict[str, Any]:
    """The JSON schema of a ``state.v1`` document."""
    from dcplan.state import file  # noqa: PLC0415 - as above

    return file.adapter().json_schema()


def _mistakes(errors: list[Any]) -> Diagnostics:
    return tuple(
        error(
            "state-damaged",
            "The state cannot be read",
            f"At {'.'.join(str(part) for part in mistake['loc']) or 'the top'}: {mistake['msg']}. "
            f"The document must be as `dcplan state pull` prints it.",
        )
        for mistake in errors[:_SHOWN]
    )
