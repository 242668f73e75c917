"""Resources and operations as the JSON texts that the store keeps, one per row.

Plain ``json`` and constructors: ten thousand rows are read with every command.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from dcplan.resources import Action, Address, Resource
from dcplan.state.types import Operation, Phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dcplan.resources import JsonValue

Row = tuple[str, str, str, str, int, int, int, str, str | None, str | None]
"""op_id, address, action, phase, epoch, generation, attempt, body, object_id, operation_id."""


def dumps(value: Mapping[str, JsonValue] | dict[str, Any]) -> str:
    """Compact JSON; ValueError for NaN and infinities, which JSON has not."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def loads(text: str) -> dict[str, Any]:
    """The object that ``dumps`` wrote; ValueError for anything else."""
    value = json.loads(text)
    if not isinstance(value, dict):
        msg = "not a JSON object"
        raise ValueError(msg)  # noqa: TRY004 - damaged text, not a caller's mistake
    return value


def resource_content(resource: Resource) -> dict[str, Any]:
    """All of a resource but its address, as JSON values."""
    return {
        "attributes": resource.attributes,
        "needs": [str(need) for need in resource.needs],
        "known_after_apply": list(resource.known_after_apply),
        "outputs": resource.outputs,
        "protect": resource.protect,
        **({} if resource.on_remove == "destroy" else {"on_remove": resource.on_remove}),
    }


def resource_from(address: Address, content: Mapping[str, Any], known: dict[str, Address]) -> Resource:
    """The resource that ``resource_content`` told; ``known`` shares addresses between resources."""
    return Resource(
        address=address,
        attributes=content["attributes"],
        needs=tuple([_address(text, known) for text in content["needs"]]),
        known_after_apply=tuple(content["known_after_apply"]),
        outputs=content["outputs"],
        protect=content["protect"],
        on_remove="forget" if content.get("on_remove") == "forget" else "destroy",
    )


def resources_from(rows: Iterable[tuple[str, str]]) -> dict[Address, Resource]:
    """All resources of ``(address, body)`` rows; ValueError, KeyError or TypeError when damaged."""
    listed = list(rows)
    known: dict[str, Address] = {}
    # One parse of one long text takes a third of the time of one parse a row.
    contents = json.loads(f"[{','.join(body for _, body in listed)}]")
    resources: dict[Address, Resource] = {}
    for (text, _), content in zip(listed, contents, strict=True):
        address = _address(text, known)
        resources[address] = resource_from(address, content, known)
    return resources


def operation_row(operation: Operation) -> Row:
    """The row of an operation."""
    body = {
        "run_id": operation.run_id,
        "resource": resource_content(operation.resource),
        "needs": operation.needs,
        "intent_at_s": operation.intent_at_s,
        **({"owner": operation.owner} if operation.owner else {}),
    }
    return (
        operation.op_id,
        str(operation.address),
        operation.action.value,
        operation.phase.value,
        operation.epoch,
        operation.generation,
        operation.attempt,
        dumps(body),
        operation.object_id,
        operation.operation_id,
    )


def operation_from(row: Row) -> Operation:
    """The operation of a row; ValueError, KeyError or TypeError when damaged."""
    op_id, text, action, phase, epoch, generation, attempt, body, object_id, operation_id = row
    content = loads(body)
    address = Address.parse(text)
    return Operation(
        op_id=op_id,
        epoch=epoch,
        run_id=content["run_id"],
        address=address,
        action=Action(action),
        generation=generation,
        attempt=attempt,
        phase=Phase(phase),
        resource=resource_from(address, content["resource"], {}),
        needs=content["needs"],
        object_id=object_id,
        operation_id=operation_id,
        intent_at_s=content["intent_at_s"],
        owner=content.get("owner", ""),
    )


def _address(text: str, known: dict[str, Address]) -> Address:
    address = known.get(text)
    if address is None:
        address = known[text] = Address.parse(text)
    return address
