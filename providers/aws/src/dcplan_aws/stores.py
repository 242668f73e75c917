"""From the storage of the settings to AWS's resources, and to what workloads are told of it.  Pure.

Nothing here follows from where machines stand: a file system that moved with them would lose its data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dcplan.provider.storage import AFTER_BACKUP, BUCKET, FILE_SYSTEM, IF_EMPTY, ON_DELETE, WITH_DATA, Stored
from dcplan.resources import Address, JsonValue, Resource
from dcplan_aws.kinds import KINDS, NETWORK
from dcplan_aws.storage_settings import AwsStorageSpec

NAME = "aws"
_KINDS = {"bucket": BUCKET, "lustre": FILE_SYSTEM}


def grounds(specs: Sequence[AwsStorageSpec]) -> set[str]:
    """The regions that need a network for a file system."""
    return {spec.place for spec in specs if spec.as_ == "lustre" and spec.made and spec.place is not None}


def stored(specs: Sequence[AwsStorageSpec]) -> list[Stored]:
    """As workloads are told of it."""
    return [
        Stored(
            name=spec.name,
            kind=_KINDS[spec.as_],
            workloads=spec.for_,
            address=_address(spec) if spec.made else None,
            object_id=spec.adopt or spec.id,
            region=spec.place,
        )
        for spec in specs
    ]


def resources(
    specs: Sequence[AwsStorageSpec], project: str, adopted: Mapping[str, dict[str, JsonValue]]
) -> Iterator[Resource]:
    """What dcplan makes; ``adopted`` are the networks that are there, by region."""
    for spec in specs:
        if not spec.made or spec.place is None:
            continue
        attributes: dict[str, JsonValue] = {"project": project, "region": spec.place}
        needs: tuple[Address, ...] = ()
        if spec.as_ == "bucket":
            attributes["private"] = True
            attributes[ON_DELETE] = WITH_DATA if spec.force_delete else IF_EMPTY
        else:
            network = adopted.get(spec.place)
            attributes |= {
                "zone": spec.zone,
                "size_gib": spec.size_gib,
                "throughput": spec.throughput,
                "efa": spec.with_efa,
                "vpc": None if network is None else network["vpc"],
                "network": network,
            }
            attributes[ON_DELETE] = WITH_DATA if spec.force_delete else AFTER_BACKUP
            needs = () if network is not None else (Address(NAME, NETWORK, spec.place),)
        address = _address(spec)
        yield Resource(
            address=address,
            attributes=attributes,
            needs=needs,
            known_after_apply=KINDS[address.kind].outputs,
        )


def _address(spec: AwsStorageSpec) -> Address:
    return Address(NAME, _KINDS[spec.as_], spec.name)
