"""FSx for Lustre: what moto keeps of file systems, with tokens, lifecycles, rules and ports as FSx has them.

Rules: Amazon FSx API Reference, CreateFileSystem, UpdateFileSystem and DeleteFileSystem; FSx for Lustre User
Guide, "File system access control with Amazon VPC" and "Increasing storage capacity".
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.ec2.models import ec2_backends
from moto.ec2.responses import EC2Response
from moto.fsx.models import FileSystem, FSxBackend, fsx_backends
from moto.fsx.responses import FSxResponse

from clouds.aws.weather import WEATHER, books, refuse

LUSTRE_PORT = 988
THROUGHPUTS = (125, 250, 500, 1000)
EFA_STEPS = {125: 38_400, 250: 19_200, 500: 9600, 1000: 4800}
TAG = re.compile(r"[\w\s.:/=+\-@]*")
"""What keys and values of tags are made of."""

_to_dict = FileSystem.to_dict
_delete_subnet = EC2Response.delete_subnet
_delete_group = EC2Response.delete_security_group


def bad(message: str, code: str = "BadRequest") -> JsonRESTError:
    """FSx refuses it."""
    return JsonRESTError(code, message)


def to_dict(self: Any) -> dict[str, Any]:
    """As FSx shows it by now."""
    _age(self)
    lustre = {"MountName": self.mount_name, **self.lustre_configuration}
    zone = _subnet(self.backend, self.subnet_ids[0])
    shown = _to_dict(self)
    shown.pop("SecurityGroupIds", None)  # "This list isn't returned in later requests."
    shown.update(
        CreationTime=self.made_at_s,
        Lifecycle=self.lifecycle,
        VpcId=zone.vpc_id,
        OwnerId=self.backend.account_id,
        LustreConfiguration=lustre,
        FileSystemTypeVersion=self.version,
    )
    if self.lifecycle == "FAILED":
        shown["FailureDetails"] = {"Message": WEATHER.file_systems_fail}
    return shown


def _age(one: Any) -> None:
    if one.lifecycle == "CREATING" and books(one.backend.account_id, one.backend.region_name).ready(
        one.file_system_id
    ):
        one.lifecycle = "FAILED" if WEATHER.file_systems_fail else "AVAILABLE"


def create_file_system(self: Any) -> str:
    """One for each token; a token with other parameters is refused."""
    asked = json.loads(self.body)
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    backend, token = self.fsx_backend, asked.get("ClientRequestToken") or os.urandom(8).hex()
    for one in backend.file_systems.values():
        if one.token == token:
            if one.digest != digest:
                raise bad("A file system with this token has other parameters.", "IncompatibleParameterError")
            return json.dumps({"FileSystem": one.to_dict()})
    _check_tags(asked.get("Tags", ()))
    lustre = asked.get("LustreConfiguration", {})
    if asked["FileSystemType"] != "LUSTRE" or lustre.get("DeploymentType") != "PERSISTENT_2":
        raise bad("Only PERSISTENT_2 file systems of Lustre are served here.")
    _check_size(asked.get("StorageCapacity"), lustre)
    if lustre.get("EfaEnabled") and "MetadataConfiguration" not in lustre:
        raise bad("EfaEnabled needs a MetadataConfiguration.")
    if "MetadataConfiguration" in lustre and asked.get("FileSystemTypeVersion", "2.15") != "2.15":
        raise bad("A MetadataConfiguration needs version 2.15.")
    _check_network(backend, asked, efa=bool(lustre.get("EfaEnabled")))
    one = backend.create_file_system(
        client_request_token=token,
        file_system_type="LUSTRE",
        storage_capacity=asked["StorageCapacity"],
        storage_type=asked.get("StorageType", "SSD"),
        subnet_ids=asked["SubnetIds"],
        security_group_ids=asked.get("SecurityGroupIds", []),
        tags=asked.get("Tags"),
        kms_key_id=None,
        windows_configuration=None,
        lustre_configuration=lustre,
        ontap_configuration=None,
        file_system_type_version=None,
        open_zfs_configuration=None,
    )
    one.token, one.digest, one.made_at_s, one.lifecycle = token, digest, time.time(), "CREATING"
    one.version, one.mount_name = asked.get("FileSystemTypeVersion", "2.12"), os.urandom(4).hex()
    books(backend.account_id, backend.region_name).born(one.file_system_id)
    return json.dumps({"FileSystem": one.to_dict()})


def describe_file_systems(self: Any) -> str:
    """Those that may be seen, page by page; an id that is not there fails the whole look."""
    asked, backend = json.loads(self.body), self.fsx_backend
    mine = books(backend.account_id, backend.region_name)
    _sweep(backend)
    there = {name: one for name, one in backend.file_systems.items() if mine.visible(name)}
    wanted = asked.get("FileSystemIds") or list(there)
    for name in wanted:
        if name not in there:
            raise bad(f"File system '{name}' does not exist.", "FileSystemNotFound")
    start, size = int(asked.get("NextToken") or 0), int(asked.get("MaxResults") or 50)
    page: dict[str, Any] = {"FileSystems": [there[n].to_dict() for n in wanted[start : start + size]]}
    if start + size < len(wanted):
        page["NextToken"] = str(start + size)
    return json.dumps(page)


def update_file_system(self: Any) -> str:
    """It grows, and its throughput changes; at once, here."""
    asked, one = json.loads(self.body), _there(self.fsx_backend, json.loads(self.body)["FileSystemId"])
    capacity = asked.get("StorageCapacity", one.storage_capacity)
    lustre = {**one.lustre_configuration, **asked.get("LustreConfiguration", {})}
    _check_size(capacity, lustre)
    if capacity < one.storage_capacity:
        raise bad("The storage capacity can only be increased.")
    one.storage_capacity, one.lustre_configuration = capacity, lustre
    return json.dumps({"FileSystem": one.to_dict()})


def delete_file_system(self: Any) -> str:
    """It is being deleted for a while; a last backup is made where one is asked for."""
    asked, backend = json.loads(self.body), self.fsx_backend
    one = _there(backend, asked["FileSystemId"])
    if one.lifecycle == "DELETING":
        raise bad(f"File system '{one.file_system_id}' is being deleted.")
    said: dict[str, Any] = {}
    lustre = asked.get("LustreConfiguration", {})
    if lustre.get("SkipFinalBackup") is False:
        _check_tags(lustre.get("FinalBackupTags", ()))
        backup = backend.create_backup(one.file_system_id, None, None, lustre.get("FinalBackupTags"))
        said = {"FinalBackupId": backup.backup_id, "FinalBackupTags": lustre.get("FinalBackupTags", [])}
    one.lifecycle, one.gone_at_s = "DELETING", time.time() + WEATHER.leaving_s
    shown = {"FileSystemId": one.file_system_id, "Lifecycle": "DELETING", "LustreResponse": said}
    return json.dumps(shown)


def tag_resource(self: Any) -> tuple[int, dict[str, str], str]:
    """Tags of what is there."""
    asked, backend = json.loads(self.body), self.fsx_backend
    _check_tags(asked["Tags"])
    if all(one.resource_arn != asked["ResourceARN"] for one in backend.file_systems.values()):
        raise bad(f"{asked['ResourceARN']} does not exist.", "ResourceNotFound")
    backend.tag_resource(asked["ResourceARN"], {tag["Key"]: tag["Value"] for tag in asked["Tags"]})
    return 200, {}, "{}"


def _there(backend: FSxBackend, name: str) -> Any:
    _sweep(backend)
    if name not in backend.file_systems:
        raise bad(f"File system '{name}' does not exist.", "FileSystemNotFound")
    return backend.file_systems[name]


def _sweep(backend: Any) -> None:
    for name, one in list(backend.file_systems.items()):
        if one.lifecycle == "DELETING" and one.gone_at_s <= time.time():
            del backend.file_systems[name]


def _check_tags(tags: Any) -> None:
    """FSx takes fewer characters than EC2."""
    for tag in tags:
        if not TAG.fullmatch(tag["Key"]) or not TAG.fullmatch(tag["Value"]) or len(tag["Value"]) > 256:
            raise bad(f"Value {tag['Value']!r} of tag {tag['Key']} failed to satisfy constraint.")
    if len(tags) > 50:
        raise bad("There are too many tags.")


def _check_size(capacity: Any, lustre: dict[str, Any]) -> None:
    throughput = lustre.get("PerUnitStorageThroughput")
    if throughput not in THROUGHPUTS:
        raise bad(f"{throughput} MB/s/TiB.", "InvalidPerUnitStorageThroughput")
    if not isinstance(capacity, int) or (capacity != 1200 and (capacity <= 0 or capacity % 2400)):
        raise bad(f"Storage capacity {capacity} is none of 1200, 2400 and multiples of 2400.")
    if lustre.get("EfaEnabled") and capacity % EFA_STEPS[throughput]:
        raise bad(f"Storage capacity {capacity} is no multiple of {EFA_STEPS[throughput]}, as EFA needs it.")


def _subnet(backend: Any, name: str) -> Any:
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    found = [one for zone in ec2.subnets.values() for key, one in zone.items() if key == name]
    if not found:
        raise bad(f"The subnet '{name}' does not exist.", "InvalidNetworkSettings")
    return found[0]


def _check_network(backend: Any, asked: dict[str, Any], *, efa: bool) -> None:
    """One subnet, and groups that let Lustre through; with EFA all traffic of the group, both ways."""
    if len(asked["SubnetIds"]) != 1:
        raise bad("A file system of Lustre has one subnet.", "InvalidNetworkSettings")
    vpc = _subnet(backend, asked["SubnetIds"][0]).vpc_id
    ec2 = ec2_backends[backend.account_id][backend.region_name]
    groups = [ec2.get_security_group_from_id(name) for name in asked.get("SecurityGroupIds", ())]
    if not groups or any(group is None or group.vpc_id != vpc for group in groups):
        raise bad("The security groups are not of the file system's VPC.", "InvalidNetworkSettings")
    if not any(_lets_itself(group, group.ip_permissions, whole=efa) for group in groups):
        raise bad(
            f"The security groups do not permit Lustre LNET network traffic on port {LUSTRE_PORT}.",
            "InvalidNetworkSettings",
        )
    if efa and not any(_lets_itself(group, group.ip_permissions_egress, whole=True) for group in groups):
        raise bad("EFA needs all traffic within the security group.", "InvalidNetworkSettings")


def _lets_itself(group: Any, rules: Any, *, whole: bool) -> bool:
    def covers(rule: Any) -> bool:
        if str(rule.ip_protocol) == "-1":
            return True
        return not whole and int(rule.from_port) <= LUSTRE_PORT <= int(rule.to_port)

    return any(
        covers(rule) and any(pair["GroupId"] == group.id for pair in rule.source_groups) for rule in rules
    )


def delete_subnet(self: Any) -> Any:
    """Not while a file system stands in it."""
    subnet = self._get_param("SubnetId")
    if any(subnet in one.subnet_ids for one in _standing(self)):
        refuse("DependencyViolation", f"The subnet '{subnet}' has dependencies and cannot be deleted.")
    return _delete_subnet(self)


def delete_security_group(self: Any) -> Any:
    """Not while a file system has it."""
    group = self._get_param("GroupId")
    if any(group in one.security_group_ids for one in _standing(self)):
        refuse("DependencyViolation", f"resource {group} has a dependent object")
    return _delete_group(self)


def _standing(response: Any) -> list[Any]:
    backend = fsx_backends[response.current_account][response.region]
    _sweep(backend)
    return list(backend.file_systems.values())


def install() -> None:
    """Replace moto's; after ``lifecycles``."""
    global _delete_subnet, _delete_group
    _delete_subnet, _delete_group = EC2Response.delete_subnet, EC2Response.delete_security_group
    EC2Response.delete_subnet, EC2Response.delete_security_group = delete_subnet, delete_security_group
    FileSystem.to_dict = to_dict
    for operation in (
        create_file_system,
        describe_file_systems,
        update_file_system,
        delete_file_system,
        tag_resource,
    ):
        setattr(FSxResponse, operation.__name__, operation)
