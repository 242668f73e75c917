"""From the storage of the settings to AWS's resources, and to what workloads are told of it.  Pure.

Nothing here follows from where machines stand: a file system that moved with them would lose its data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dcplan.diag import Diagnostic, listed, warning
from dcplan.provider.storage import AFTER_BACKUP, BUCKET, FILE_SYSTEM, IF_EMPTY, ON_DELETE, WITH_DATA, Stored
from dcplan.resources import Address, JsonValue, Resource
from dcplan_aws.interfaces import CARDS
from dcplan_aws.kinds import KINDS, NETWORK
from dcplan_aws.storage_settings import EFA_STEP, AwsStorageSpec

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


def far(specs: Sequence[AwsStorageSpec], plain: Sequence[Resource]) -> Iterator[Diagnostic]:
    """Warnings of file systems that are not where their machines are, or are not reached as fast as could be.

    ``plain`` are machines and what runs on them.
    """
    for i, spec in enumerate(specs):
        if spec.as_ != "lustre" or not spec.made:
            continue
        used = [m.attributes for m in _machines_of(spec, plain)]
        zones = {str(machine["zone"]) for machine in used} - {spec.zone}
        path = ("providers", NAME, "storage", i)
        if zones:
            detail = (
                f'"{spec.name}" is in {spec.zone}, and machines that use it stand in '
                f"{listed(sorted(zones))}: what they read crosses the border of zones, which is slower and "
                f"costs. Let the workload stand where its data are (constraints: {{zones: [{spec.zone}]}}), "
                "or make the file system there."
            )
            yield warning("storage-elsewhere", "Data are in another zone", detail, path=(*path, "zone"))
        gangs = {str(m["machine"]) for m in used if m.get("gang")} & CARDS.keys()
        if gangs and not spec.with_efa and spec.efa is None and spec.throughput is not None:
            step, size = EFA_STEP // spec.throughput, (*path, "size")
            detail = (
                f'{listed(sorted(gangs))} could reach "{spec.name}" over EFA. At {spec.throughput} MB/s a '
                f"TiB only sizes take it that are a multiple of {step}GiB, so it is read over TCP. Take such "
                "a size, or say efa: false."
            )
            yield warning("storage-tcp", "A file system is not reached over EFA", detail, path=size)


def _machines_of(spec: AwsStorageSpec, plain: Sequence[Resource]) -> Iterator[Resource]:
    """The machines of the workloads that a storage is for, and groups of such."""
    mine = [resource for resource in plain if resource.attributes.get("workload") in spec.for_]
    used = {address for resource in mine for address in (resource.address, *resource.needs)}
    return (resource for resource in plain if "zone" in resource.attributes and resource.address in used)


def _address(spec: AwsStorageSpec) -> Address:
    return Address(NAME, _KINDS[spec.as_], spec.name)
