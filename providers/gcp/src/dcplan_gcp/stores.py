"""From the storage of the settings to buckets, and to what workloads are told of it.  Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.provider.errors import Invalid
from dcplan.provider.storage import BUCKET, IF_EMPTY, ON_DELETE, WITH_DATA, Stored, stored_of
from dcplan.resources import Address, Resource
from dcplan_gcp.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dcplan.provider.types import Request
    from dcplan.resources import JsonValue
    from dcplan_gcp.storage_settings import GcpStorageSpec

CLOUD = "gcp"


def stored(specs: Sequence[GcpStorageSpec]) -> list[Stored]:
    """As workloads are told of it."""
    return [
        Stored(
            name=spec.name,
            kind=BUCKET,
            workloads=spec.for_,
            address=None if spec.adopt else Address(CLOUD, BUCKET, spec.name),
            object_id=spec.adopt,
            region=spec.region,
        )
        for spec in specs
    ]


def resources(specs: Sequence[GcpStorageSpec]) -> Iterator[Resource]:
    """What dcplan makes."""
    for spec in specs:
        if spec.adopt is None:
            attributes: dict[str, JsonValue] = {
                "region": spec.region,
                "private": True,
                ON_DELETE: WITH_DATA if spec.force_delete else IF_EMPTY,
            }
            address = Address(CLOUD, BUCKET, spec.name)
            yield Resource(address=address, attributes=attributes, known_after_apply=KINDS[BUCKET].outputs)


def told(request: Request) -> list[JsonValue]:
    """``name``, ``kind`` and ``url`` of each bucket that a replica or job uses, for its launcher."""
    return [*_told(request)]


def _told(request: Request) -> Iterator[JsonValue]:
    for one in stored_of(request.attributes):
        name, adopted = str(one.get("name")), one.get("adopted")
        url = request.needs.get(f"{CLOUD}.{BUCKET}.{name}", {}).get("url")
        if adopted is not None:
            url = f"gs://{adopted}"
        if not isinstance(url, str):
            raise Invalid(f"{request.address} was asked for without its {name}. This is a bug in dcplan.")
        yield {"name": name, "kind": BUCKET, "url": url}
