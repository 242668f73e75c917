"""Buckets and file systems: parts that are missing, data that stay, what cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aws_cloud import AwsCloud
from aws_examples import REGION, STORAGE, ZONE, adopted, client, gang_and_replicas
from dcplan.provider import AlreadyGone, Ambiguous, Conflict, HoldsData, Invalid, Placement, Provider
from dcplan.provider.contract_base import OURS, THEIRS, ContractBase, never
from dcplan.provider.permissions import Use
from dcplan.provider.protocol import HasOwners
from dcplan.provider.types import Request, request_of
from dcplan.resources import Action, Address, Resource
from dcplan_aws import AwsProvider, provider
from dcplan_aws.storage_settings import S3_REGIONS, capacity_gib

BUCKET = {"name": "checkpoints", "as": "bucket", "region": REGION}
FILES = {"name": "scratch", "as": "lustre", "zone": ZONE, "size": "2.4TiB", "throughput": 250}
GIB = 2**30


class Hands(ContractBase):
    """Builds storage alone."""

    def __init__(self, cloud: AwsCloud, *storage: dict[str, Any], **settings: Any) -> None:
        """In an account with a network."""
        self.settings = {"regions": [REGION], "networks": [adopted(cloud)], "storage": storage, **settings}
        self.aws = self.make(Path())
        self.built_outputs = {}

    def make(self, folder: Path) -> Provider:
        """The provider with its settings."""
        return provider(self.settings, folder).unwrap()

    def placement(self) -> Placement:
        """No machine."""
        return Placement(project="example", machines=(), workloads=())

    def done(self, resource: Resource, action: Action) -> dict[str, Any]:
        """Carry out one change."""
        request = self.request(resource, action)
        return dict(self.aws.wait(request, self.aws.begin(request), never))


def problems(*storage: dict[str, Any]) -> list[str]:
    """What is wrong with this storage: code, last part of the path, detail."""
    told = provider({"storage": storage}, Path()).diagnostics
    return [f"{d.code} {(d.path or ('',))[-1]}: {d.detail}" for d in told]


@pytest.mark.parametrize("call", ["CreateBucket", "PutPublicAccessBlock"])
@pytest.mark.parametrize("mode", ["drop", "after"])
def test_a_bucket_whose_making_was_cut_off_is_made_whole(cloud: AwsCloud, call: str, mode: str) -> None:
    """Whichever call lost its answer, the same request again makes one bucket, private in the end."""
    hands = Hands(cloud, BUCKET)
    request = hands.request(hands.bottom(hands.aws))
    cloud.fault(service="s3", action=call, mode=mode)
    with pytest.raises(Ambiguous):
        hands.aws.wait(request, hands.aws.begin(request), never)
    ack = hands.aws.begin(request)
    hands.aws.wait(request, ack, never)
    (there,) = hands.aws.lookup(request)

    assert there.ready
    assert [one["Name"] for one in client(cloud, "s3").list_buckets()["Buckets"]] == [ack.object_id]


def test_a_file_system_whose_answer_was_lost_is_made_once(cloud: AwsCloud) -> None:
    """FSx knows the token again."""
    hands = Hands(cloud, FILES)
    request = hands.request(hands.bottom(hands.aws))
    cloud.fault(service="fsx", action="CreateFileSystem", mode="after")
    with pytest.raises(Ambiguous):
        hands.aws.begin(request)
    hands.aws.wait(request, hands.aws.begin(request), never)

    assert len(client(cloud, "fsx").describe_file_systems()["FileSystems"]) == 1


def test_a_bucket_that_was_opened_is_drift_and_is_closed(cloud: AwsCloud) -> None:
    """What somebody took away of its privacy is told, and an update puts it back; other tags stay."""
    hands, s3 = Hands(cloud, BUCKET), client(cloud, "s3")
    (bucket,) = hands.build(hands.aws)
    name = str(bucket.outputs["id"])
    tags = s3.get_bucket_tagging(Bucket=name)["TagSet"]
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": [*tags, {"Key": "team", "Value": "red"}]})
    s3.delete_public_access_block(Bucket=name)
    opened = hands.aws.refresh([bucket]).found[bucket.address]
    hands.done(bucket, Action.UPDATE)
    closed = hands.aws.refresh([bucket]).found[bucket.address]

    assert opened is not None
    assert opened.attributes["private"] is False
    assert closed is not None
    assert dict(closed.attributes) == dict(bucket.attributes)
    assert {"Key": "team", "Value": "red"} in s3.get_bucket_tagging(Bucket=name)["TagSet"]


def test_a_bucket_of_somebody_else_is_a_conflict(cloud: AwsCloud) -> None:
    """The name is taken, and what stands there is not this request's."""
    hands = Hands(cloud, {**BUCKET, "region": "us-west-2"}, regions=["us-west-2"])
    request = hands.request(hands.bottom(hands.aws))
    name = hands.aws.begin(request).object_id
    s3 = client(cloud, "s3", "us-west-2")
    s3.delete_bucket(Bucket=name)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})

    with pytest.raises(Conflict, match="BucketAlreadyOwnedByYou"):
        hands.aws.begin(request)


def test_data_are_deleted_only_where_the_document_says_so(cloud: AwsCloud) -> None:
    """All versions of more objects than one call takes go with a bucket that may be emptied."""
    hands, s3 = Hands(cloud, BUCKET), client(cloud, "s3")
    (bucket,) = hands.build(hands.aws)
    name = str(bucket.outputs["id"])
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    for i in range(1001):
        s3.put_object(Bucket=name, Key=f"step-{i}", Body=b"x")
    s3.delete_object(Bucket=name, Key="step-0")
    with pytest.raises(HoldsData, match="force_delete: true"):
        hands.aws.begin(hands.request(bucket, Action.DELETE))
    may = replace(bucket, attributes={**bucket.attributes, "on_delete": "with-its-data"})
    hands.done(may, Action.DELETE)

    assert s3.list_buckets()["Buckets"] == []
    assert len(cloud.calls("DeleteObjects")) == 2


@pytest.mark.parametrize("forced", [False, True])
def test_a_file_system_leaves_a_backup_unless_it_need_not(cloud: AwsCloud, *, forced: bool) -> None:
    """Its data can be had back; the backup carries the owner's tags."""
    hands = Hands(cloud, {**FILES, "force_delete": forced})
    (files,) = hands.build(hands.aws)
    hands.done(files, Action.DELETE)
    backups = client(cloud, "fsx").describe_backups()["Backups"]

    assert [{tag["Key"] for tag in one["Tags"]} for one in backups] == (
        [] if forced else [{"Name", "dcplan-lineage", "dcplan-address"}]
    )


def handed(resource: Resource, lineage: str) -> Request:
    """That it is somebody's from now on."""
    request = request_of(resource, Action.UPDATE, token="hand", lineage=lineage, needs={})  # noqa: S106 - of a request
    return replace(request, address=replace(resource.address, name="renamed"))


@pytest.mark.parametrize("storage", [BUCKET, FILES], ids=["bucket", "file-system"])
def test_what_is_forgotten_is_nobodys_and_can_be_taken_back(cloud: AwsCloud, storage: dict[str, Any]) -> None:
    """Under another name; it is there all the time, and done twice it stays so."""
    hands = Hands(cloud, storage)
    (made,) = hands.build(hands.aws)
    assert isinstance(hands.aws, HasOwners)
    for _ in range(2):
        hands.aws.set_owner(handed(made, ""))
    nobodys, there = hands.aws.owned(OURS), hands.aws.refresh([made]).found[made.address]
    for _ in range(2):
        hands.aws.set_owner(handed(made, OURS))
    (back,) = hands.aws.owned(OURS)

    assert nobodys == ()
    assert there is not None
    assert there.lineage is None
    assert (back.object_id, back.address.name) == (made.outputs["id"], "renamed")
    with pytest.raises(AlreadyGone):
        hands.aws.set_owner(handed(replace(made, outputs={"id": f"{made.outputs['id']}0"}), ""))


def test_a_file_system_can_have_another_owner_and_a_bucket_cannot(cloud: AwsCloud) -> None:
    """A bucket's name says whose it is: it is named in the document instead."""
    hands = Hands(cloud, BUCKET, FILES)
    bucket, files = hands.build(hands.aws)
    assert isinstance(hands.aws, HasOwners)
    hands.aws.set_owner(handed(files, THEIRS))

    assert [found.object_id for found in hands.aws.owned(THEIRS)] == [files.outputs["id"]]
    with pytest.raises(Invalid, match="`adopt: dcplan-"):
        hands.aws.set_owner(handed(bucket, THEIRS))


def test_a_file_system_grows_and_does_not_shrink(cloud: AwsCloud) -> None:
    """A smaller one is refused before anything is sent, with what to do instead."""
    hands = Hands(cloud, FILES)
    (files,) = hands.build(hands.aws)
    hands.done(replace(files, attributes={**files.attributes, "size_gib": 7200}), Action.UPDATE)
    (there,) = client(cloud, "fsx").describe_file_systems()["FileSystems"]

    assert there["StorageCapacity"] == 7200
    with pytest.raises(Invalid, match="cannot become smaller"):
        hands.done(files, Action.UPDATE)


def test_a_file_system_that_fails_says_why(cloud: AwsCloud) -> None:
    """It is in the books, because it is there, and is not ready."""
    cloud.weather(file_systems_fail="There is not enough capacity in use1-az6.")
    hands = Hands(cloud, FILES)
    request = hands.request(hands.bottom(hands.aws))
    ack = hands.aws.begin(request)
    with pytest.raises(Invalid, match="not enough capacity"):
        hands.aws.wait(request, ack, never)

    assert [found.ready for found in hands.aws.lookup(request)] == [False]


def test_security_groups_that_keep_lustre_out_are_told(cloud: AwsCloud) -> None:
    """FSx refuses them, in its words; an adopted network is its owner's."""
    hands = Hands(cloud, FILES)
    network: Any = hands.settings["networks"]
    group = network[0]["security_groups"][0]
    rule = [{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]}]
    client(cloud, "ec2").revoke_security_group_ingress(GroupId=group, IpPermissions=rule)

    with pytest.raises(Invalid, match="port 988"):
        hands.aws.begin(hands.request(hands.bottom(hands.aws)))


def test_a_file_system_takes_efa_where_its_size_allows_it() -> None:
    """At 500 MB/s a TiB, 9,600 GiB do and 4,800 do not; the document may say no, and not yes."""
    sizes = {"9600GiB": True, "9.6TiB": True, "4.8TiB": False}
    for size, efa in sizes.items():
        aws = provider({"storage": [{**FILES, "size": size, "throughput": 500}]}, Path()).unwrap()
        made = aws.resources_for(Placement(project="p", machines=(), workloads=())).unwrap()
        assert made[-1].attributes["efa"] is efa
    (said,) = problems({**FILES, "size": "4.8TiB", "throughput": 500, "efa": True})
    assert said.startswith("storage-efa efa: At 500 MB/s a TiB")


def test_storage_that_is_there_is_told_and_not_made(cloud: AwsCloud, tmp_path: Path) -> None:
    """An adopted bucket and file system are no resources; the job reads url and mount."""
    fsx, network = client(cloud, "fsx"), adopted(cloud)
    made = fsx.create_file_system(
        FileSystemType="LUSTRE",
        StorageCapacity=1200,
        SubnetIds=network["subnets"][:1],
        SecurityGroupIds=network["security_groups"],
        LustreConfiguration={"DeploymentType": "PERSISTENT_2", "PerUnitStorageThroughput": 125},
    )["FileSystem"]
    hands = Hands(
        cloud,
        {"name": "data", "as": "bucket", "adopt": "our-data", "for": ["tune"]},
        {"name": "scratch", "as": "lustre", "id": made["FileSystemId"], "for": ["tune"]},
        networks=[network],
    )
    resources = hands.aws.resources_for(gang_and_replicas()).unwrap()
    mine = {r.address: r for r in resources}
    job = mine[Address("aws", "job", "tune")]
    hands.build(hands.aws, [mine[need] for need in job.needs if need.kind == "instance"][:0])
    from dcplan_aws.stored import told  # noqa: PLC0415 - what the job's parameter has of it

    assert isinstance(hands.aws, AwsProvider)
    shared = hands.aws._act._shared
    mount = f"{made['DNSName']}@tcp:/{made['LustreConfiguration']['MountName']}"
    assert {r.address.kind for r in resources} & {"bucket", "file_system"} == set()
    assert told(shared, hands.request(job), REGION) == [
        {"name": "data", "kind": "bucket", "url": "s3://our-data"},
        {"name": "scratch", "kind": "file_system", "mount": mount},
    ]


def test_what_machines_need_is_a_policy_of_its_own() -> None:
    """For the role in the instance profile: the buckets of its workloads and nothing of FSx."""
    storage = [*STORAGE, {"name": "data", "as": "bucket", "adopt": "our-data", "for": ["chat"]}]
    aws = provider({"regions": [REGION], "storage": storage}, Path()).unwrap()
    assert isinstance(aws, AwsProvider)
    held = aws.resources_for(gang_and_replicas()).unwrap()
    _, machines = aws.permissions(Use(project="p", lineage="ours", held=held))
    named = [str(one) for one in machines.content["Statement"][0]["Resource"]]  # type: ignore[union-attr, call-overload, index] # a policy

    assert machines.name == "aws-machines"
    assert [name.rpartition(":")[2][:6] for name in named] == ["dcplan", "our-da"]
    assert named[0].endswith("-checkpoints-*")
    assert "fsx" not in machines.text


def test_a_file_system_that_is_far_from_its_machines_is_warned_of() -> None:
    """In another zone, or not over EFA although they have it; not where the document says so."""

    def warned(**more: Any) -> list[str]:
        files = {**FILES, "for": ["tune"], **more}
        made = provider({"regions": [REGION], "storage": [files]}, Path()).unwrap()
        return [d.code for d in made.resources_for(gang_and_replicas()).diagnostics]

    assert warned() == ["storage-tcp"]
    assert warned(zone="use1-az1", efa=False) == ["storage-elsewhere"]
    assert warned(size="19200GiB") == []
    assert warned(**{"zone": "use1-az1", "for": []}) == []


def test_what_cannot_be_is_told_all_at_once() -> None:
    """Each with the key that it is about."""
    told = problems(
        {"name": "a", "as": "bucket"},
        {"name": "a", "as": "bucket", "region": "us-esat-1", "size": "1.2TiB"},
        {"name": "b", "as": "lustre", "zone": "use1-az66", "size": "5TB", "throughput": 125},
        {"name": "c", "as": "lustre", "id": "fs-0a1b2c3d4e", "size": "1.2TiB"},
        {"name": "d", "as": "bucket", "adopt": "mine", "force_delete": True},
    )

    assert [one.partition(":")[0] for one in told] == [
        *("storage-twice name", "storage-incomplete 0", "storage-key size", "unknown-capacity region"),
        *("unknown-capacity zone", "storage-size size", "storage-key size", "storage-key force_delete"),
    ]
    assert any("Nearest are 2400GiB and 4800GiB" in one for one in told)


def test_sizes_are_read_as_aws_counts_them() -> None:
    """1.2TiB is 1,200 GiB to AWS; what lies between the steps is none."""
    read = [capacity_gib(size * GIB) for size in (1200, 1228.8, 2400, 4915.2, 3600, 0, 1000)]

    assert read == [1200, 1200, 2400, 4800, None, None, None]


def test_regions_of_buckets_are_those_of_the_api() -> None:
    """As botocore's own model of S3 has them."""
    from botocore.session import Session  # noqa: PLC0415 - slow

    known = set(Session().get_service_model("s3").shape_for("BucketLocationConstraint").enum)

    assert known - {"EU"} | {REGION} == S3_REGIONS
