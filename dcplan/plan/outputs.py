"""What a project tells others: references of the document, and what they mean by the state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.config.outputs import Reference, output_of
from dcplan.plan.types import PlannedOutput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcplan.config import Document
    from dcplan.resources import Address, JsonValue, Resource

ADDRESSES = ("url", "address")
"""Outputs by which things are reached, the first that there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One output."""

    reference: str
    value: JsonValue = None
    known: bool = True
    """False: nothing of it has been applied yet; ``value`` is None then."""
    sensitive: bool = False
    description: str = ""


def planned_outputs(document: Document) -> dict[str, PlannedOutput]:
    """The outputs that a document names."""
    return {
        name: PlannedOutput(value=spec.value, sensitive=spec.sensitive, description=spec.description)
        for name, spec in ((name, output_of(one)) for name, one in document.outputs.items())
    }


def resolved_all(
    outputs: Mapping[str, PlannedOutput], resources: Mapping[Address, Resource]
) -> dict[str, Told]:
    """What all of them mean by the resources that are there."""
    return {
        name: resolved(one.value, resources, sensitive=one.sensitive, description=one.description)
        for name, one in outputs.items()
    }


def resolved(
    text: str, resources: Mapping[Address, Resource], *, sensitive: bool = False, description: str = ""
) -> Told:
    """What a reference means by the resources that are there."""
    value = _resolve(Reference.parse(text), resources)
    return Told(
        reference=text, value=value, known=value is not None, sensitive=sensitive, description=description
    )


def _resolve(reference: Reference, resources: Mapping[Address, Resource]) -> JsonValue:
    """The value, None where it is not there yet."""
    if reference.address is not None:
        for address, resource in resources.items():
            if str(address) == reference.address:
                return resource.outputs.get(reference.part, resource.attributes.get(reference.part))
        return None
    mine = [r for r in resources.values() if r.attributes.get("workload") == reference.workload]
    if reference.part == "endpoint":
        urls = [r.outputs["url"] for r in mine if "url" in r.outputs]
        # One with each provider on which the workload runs.
        return urls[0] if len(urls) == 1 else urls or None
    runs = [r for r in mine if "machines" in r.attributes]
    if reference.part == "replicas":
        return _addresses(runs)
    grounds = {need for r in runs for need in r.needs}
    return _addresses([resources[a] for a in sorted(grounds) if a in resources])


def _addresses(resources: Sequence[Resource]) -> JsonValue:
    found = [reached(r) for r in sorted(resources, key=lambda r: r.address)]
    return [address for address in found if address is not None] or None


def reached(resource: Resource) -> JsonValue:
    """By what it is reached; None is unknown."""
    return next((resource.outputs[name] for name in ADDRESSES if name in resource.outputs), None)
