"""File systems of FSx for Lustre: PERSISTENT_2 on SSD, in the zone that the document names.

CreateFileSystem knows its ClientRequestToken again.  FSx keeps no security groups to look at: those of the
network let their members reach each other, Lustre's ports (988, 1018 to 1023) and EFA among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dcplan.provider.errors import AlreadyGone, Invalid
from dcplan.provider.storage import ON_DELETE, WITH_DATA
from dcplan.provider.types import Ack, Found, Request
from dcplan.resources import Action, JsonValue
from dcplan_aws.kinds import NETWORK
from dcplan_aws.makers import Outputs, Shared, gone, need, object_id_of, text_of
from dcplan_aws.owner import (
    ADDRESS,
    LINEAGE,
    TOKEN,
    By,
    as_list,
    as_mapping,
    attributes_in,
    coded_tags,
    found,
    owner_tags,
)

LUSTRE = "2.15"
"""The version that is recommended for new ones, and the one that EFA needs (FSx API Reference)."""
READY = frozenset({"AVAILABLE", "UPDATING"})
BROKEN = frozenset({"FAILED", "MISCONFIGURED", "MISCONFIGURED_UNAVAILABLE"})
LEFT = "DELETING"
_ON_BACKUPS = ("Name", LINEAGE, ADDRESS)
"""Tags of a file system that its last backup has, too."""


@dataclass(frozen=True, slots=True)
class FileSystems:
    """File systems that dcplan makes."""

    shared: Shared

    def region(self, request: Request) -> str:
        """As its attributes say."""
        return text_of(request, "region")

    def region_of(self, object_id: str, attributes: Mapping[str, JsonValue]) -> str | None:  # noqa: ARG002 - as the protocol has it
        """As its attributes say."""
        region = attributes.get("region")
        return region if isinstance(region, str) else None

    def create(self, request: Request) -> Ack:
        """One call, which its token makes harmless to repeat."""
        region, efa = self.region(request), request.attributes.get("efa") is True
        subnet, groups = self._seat(request, region)
        lustre: dict[str, Any] = {
            "DeploymentType": "PERSISTENT_2",
            "PerUnitStorageThroughput": request.attributes.get("throughput"),
        }
        if efa:
            # EFA needs a metadata configuration; this one follows the capacity (FSx for Lustre User Guide).
            lustre |= {"EfaEnabled": True, "MetadataConfiguration": {"Mode": "AUTOMATIC"}}
        made = self.shared.api.do(
            "fsx",
            region,
            "create_file_system",
            ClientRequestToken=request.token,
            FileSystemType="LUSTRE",
            FileSystemTypeVersion=LUSTRE,
            StorageType="SSD",
            StorageCapacity=request.attributes.get("size_gib"),
            SubnetIds=[subnet],
            SecurityGroupIds=groups,
            Tags=as_list({**owner_tags(request), **coded_tags(request.attributes)}),
            LustreConfiguration=lustre,
        )
        return Ack(object_id=str(made["FileSystem"]["FileSystemId"]))

    def update(self, request: Request) -> Ack:
        """Its throughput and its size, which only grows; then its tags."""
        name, region = object_id_of(request), self.region(request)
        there = self._one(region, name)
        if there is None or there["Lifecycle"] == LEFT:
            raise gone(request)
        wanted, now = request.attributes, _attributes(there)
        told: dict[str, Any] = {}
        if wanted.get("size_gib") != now["size_gib"]:
            _must_grow(request, name, now["size_gib"])
            told["StorageCapacity"] = wanted.get("size_gib")
        if wanted.get("throughput") != now["throughput"]:
            told["LustreConfiguration"] = {"PerUnitStorageThroughput": wanted.get("throughput")}
        if told:
            self.shared.api.do(
                "fsx",
                region,
                "update_file_system",
                FileSystemId=name,
                ClientRequestToken=request.token,
                **told,
            )
        tags = as_list({ADDRESS: str(request.address), **coded_tags(wanted)})
        self.shared.api.do("fsx", region, "tag_resource", ResourceARN=there["ResourceARN"], Tags=tags)
        return Ack(object_id=name)

    def delete(self, request: Request) -> Ack:
        """Its data go, after a backup unless they may go without."""
        name, region = object_id_of(request), self.region(request)
        if self.shared.has_deleted(request):
            return Ack(object_id=name)
        there = self._one(region, name)
        if there is None:
            raise gone(request)
        if there["Lifecycle"] == LEFT:
            return self.shared.deletes(request)
        skips = request.attributes.get(ON_DELETE) == WITH_DATA
        lustre: dict[str, Any] = {"SkipFinalBackup": skips}
        if not skips:
            tags = as_mapping(there.get("Tags"))
            lustre["FinalBackupTags"] = as_list({key: tags[key] for key in _ON_BACKUPS if key in tags})
        self.shared.api.do(
            "fsx",
            region,
            "delete_file_system",
            FileSystemId=name,
            ClientRequestToken=request.token,
            LustreConfiguration=lustre,
        )
        return self.shared.deletes(request)

    def settle(self, request: Request, object_id: str) -> Outputs | None:
        """Ready once it is available, as large and as fast as it was asked for."""
        region = self.region(request)
        there = self._one(region, object_id)
        if there is None:
            raise AlreadyGone(f"{request.address} ({object_id}) is not there.")
        if there["Lifecycle"] in BROKEN:
            said = there.get("FailureDetails", {}).get("Message", "FSx does not say why")
            raise Invalid(f"{object_id} is {there['Lifecycle']}: {said}")
        if there["Lifecycle"] not in READY:
            return None
        grown = all(request.attributes.get(key) == value for key, value in _attributes(there).items())
        return None if request.action is Action.UPDATE and not grown else _outputs(there, region)

    def gone(self, request: Request, object_id: str) -> bool:
        """Once no list has it: until then it stands in its subnet."""
        shown = self._described(self.region(request))
        return all(one["FileSystemId"] != object_id for one in shown)

    def seen(self, region: str, by: By) -> Sequence[Found]:
        """File systems that are ours and are not being deleted."""
        if by.key == LINEAGE and not self.shared.api.has("fsx", region):
            return ()
        shown = []
        for there in self._described(region):
            tags = as_mapping(there.get("Tags"))
            key = {"id": there["FileSystemId"], LINEAGE: tags.get(LINEAGE), TOKEN: tags.get(TOKEN)}[by.key]
            if key not in by.values or there["Lifecycle"] == LEFT:
                continue
            attributes = {**(attributes_in(tags) or {}), **_attributes(there)}
            one = found(
                tags,
                there["FileSystemId"],
                ready=there["Lifecycle"] in READY,
                outputs=_outputs(there, region),
                attributes=attributes,
                made_at_s=there["CreationTime"].timestamp(),
            )
            if one is not None:
                shown.append(one)
        return shown

    def parts(self, region: str, object_id: str) -> Sequence[str]:  # noqa: ARG002 - as the protocol has it
        """Nothing of EC2's."""
        return ()

    def handing(self, request: Request, regions: Sequence[str]) -> list[Callable[[], object]]:
        """What gives a file system that is there to its owner, or to nobody."""
        for region in regions:
            there = self._one(region, object_id_of(request)) if self.shared.api.has("fsx", region) else None
            if there is None or there["Lifecycle"] == LEFT:
                continue
            do = partial(self.shared.api.do, "fsx", region, ResourceARN=there["ResourceARN"])
            tags = as_list({LINEAGE: request.lineage, ADDRESS: str(request.address)})
            if request.lineage:
                return [partial(do, "tag_resource", Tags=tags)]
            return [partial(do, "untag_resource", TagKeys=[LINEAGE])]
        raise gone(request)

    def _one(self, region: str, name: str) -> dict[str, Any] | None:
        return next((one for one in self._described(region) if one["FileSystemId"] == name), None)

    def _described(self, region: str) -> list[dict[str, Any]]:
        # A look by id fails for all when one is unknown, and there is none by tag; there are few.
        shown = self.shared.api.pages("fsx", region, "describe_file_systems", "FileSystems")
        return [one for one in shown if one["FileSystemType"] == "LUSTRE"]

    def _seat(self, request: Request, region: str) -> tuple[str, list[str]]:
        """The subnet in its zone, and the security groups of machines."""
        zone, adopted = text_of(request, "zone"), request.attributes.get("network")
        if isinstance(adopted, dict):
            groups = adopted.get("security_groups")
            shown = self.shared.api.pages(
                "ec2", region, "describe_subnets", "Subnets", SubnetIds=_texts(adopted.get("subnets"))
            )
            subnets = {one["AvailabilityZoneId"]: str(one["SubnetId"]) for one in shown}
        else:
            made, groups = need(request, NETWORK, "subnets"), need(request, NETWORK, "security_groups")
            subnets = {z: str(s) for z, s in made.items()} if isinstance(made, dict) else {}
        if zone not in subnets:
            raise Invalid(
                f"No subnet of the network in {region} is in the zone {zone} of {request.address}; there are "
                f"some in {', '.join(sorted(subnets)) or 'no zone'}. Name one in `providers: aws: networks:`."
            )
        return subnets[zone], _texts(groups)


def mount_of(there: Mapping[str, Any]) -> str:
    """What ``mount -t lustre`` takes (FSx for Lustre User Guide, "Mounting from an EC2 instance")."""
    return f"{there['DNSName']}@tcp:/{there['LustreConfiguration'].get('MountName', '')}"


def _attributes(there: Mapping[str, Any]) -> dict[str, JsonValue]:
    """What FSx itself tells is believed before the tags."""
    lustre = there["LustreConfiguration"]
    return {"size_gib": there["StorageCapacity"], "throughput": lustre.get("PerUnitStorageThroughput")}


def _must_grow(request: Request, name: str, now: JsonValue) -> None:
    wanted = request.attributes.get("size_gib")
    if isinstance(now, int) and isinstance(wanted, int) and wanted < now:
        raise Invalid(
            f"{name} has {now} GiB and cannot become smaller ({wanted} GiB). Make another one under another "
            "name, copy what is needed, and take this one out then."
        )


def _outputs(there: Mapping[str, Any], region: str) -> dict[str, JsonValue]:
    return {"id": there["FileSystemId"], "mount": mount_of(there), "region": region}


def _texts(value: JsonValue) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list | tuple) else []
