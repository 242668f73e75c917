"""Buckets of S3: private, and deleted only when there is nothing in them.

The name is made from the owner, the resource's name and the token, so that a second CreateBucket finds what
the first one made.  What keeps it private is set while waiting, where it is missing.  S3 encrypts all objects
by itself, and lets nobody switch that off (S3 User Guide, "Setting default server-side encryption").
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from dcplan.provider.errors import AlreadyGone, Conflict, HoldsData, Invalid
from dcplan.provider.storage import ON_DELETE, WITH_DATA, not_empty
from dcplan.provider.types import Ack, Found, Request
from dcplan.resources import JsonValue
from dcplan_aws.answers import NotSet
from dcplan_aws.makers import Outputs, Shared, gone, object_id_of, ours, text_of
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

OWN_REGION = "us-east-1"
"""The one that CreateBucket may not be told (S3 API Reference, CreateBucket)."""
_BLOCKED = dict.fromkeys(
    ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
)
_SLUG = 24
"""Characters of a name that stay readable; a bucket's name has 63 at most."""
OBJECTS_OF_ONE_CALL = 1000
"""Of DeleteObjects (S3 API Reference)."""


def prefix_of(lineage: str) -> str:
    """What the names of an owner's buckets begin with."""
    return f"dcplan-{_mark(lineage)}-"


def bucket_name(request: Request) -> str:
    """What the bucket of a create is called."""
    return f"{name_begins(request.lineage, request.address.name)}{_mark(request.token)}"


def name_begins(lineage: str, name: str) -> str:
    """What a bucket's name begins with, whichever create makes it."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_SLUG].strip("-")
    return f"{prefix_of(lineage)}{slug or 'x'}-"


def url_of(bucket: str) -> str:
    """As S3's own tools take it."""
    return f"s3://{bucket}"


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:10]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bucket:
    """One as it is."""

    name: str
    tags: Mapping[str, str]
    private: bool


@dataclass(frozen=True, slots=True)
class Buckets:
    """Buckets that dcplan makes; the name is the id."""

    shared: Shared

    def region(self, request: Request) -> str:
        """As its attributes say."""
        return text_of(request, "region")

    def region_of(self, object_id: str, attributes: Mapping[str, JsonValue]) -> str | None:  # noqa: ARG002 - as the protocol has it
        """As its attributes say."""
        region = attributes.get("region")
        return region if isinstance(region, str) else None

    def create(self, request: Request) -> Ack:
        """What the token has made is looked for by its name first."""
        region, name = self.region(request), bucket_name(request)
        with self.shared.lock(request.token):
            there = ours(request, self.seen(region, By(TOKEN, (request.token,), request.lineage)))
            if there is not None:
                return Ack(object_id=there.object_id)
            tags = {**owner_tags(request), **coded_tags(request.attributes)}
            told: dict[str, Any] = {"Tags": as_list(tags)}
            if region != OWN_REGION:
                told["LocationConstraint"] = region
            try:
                self.shared.api.do("s3", region, "create_bucket", Bucket=name, CreateBucketConfiguration=told)
            except Conflict:
                if not self._ours_by_name(request, region, name):
                    raise
        return Ack(object_id=name)

    def update(self, request: Request) -> Ack:
        """Its tags, those that others put on it among them; what makes it private is mended while waiting."""
        name, region = object_id_of(request), self.region(request)
        there = self._shown(region, name)
        if there is None:
            raise gone(request)
        kept = {key: value for key, value in there.tags.items() if not key.startswith("dcplan-attributes")}
        tags = {**kept, ADDRESS: str(request.address), **coded_tags(request.attributes)}
        self.shared.api.do("s3", region, "put_bucket_tagging", Bucket=name, Tagging={"TagSet": as_list(tags)})
        return Ack(object_id=name)

    def delete(self, request: Request) -> Ack:
        """Refused while there is something in it, unless its data may go, too."""
        name, region = object_id_of(request), self.region(request)
        if self.shared.has_deleted(request):
            return Ack(object_id=name)
        try:
            self.shared.api.do("s3", region, "delete_bucket", Bucket=name)
        except HoldsData:
            if request.attributes.get(ON_DELETE) != WITH_DATA:
                raise not_empty(request.address, name) from None
        return self.shared.deletes(request)

    def settle(self, request: Request, object_id: str) -> Outputs | None:
        """Ready once it is private."""
        region = self.region(request)
        there = self._shown(region, object_id)
        if there is None:
            raise AlreadyGone(f"{request.address} ({object_id}) is not there.")
        if LINEAGE not in there.tags:
            # In its own region S3 answers a create of what is there as if it had made it.
            raise Conflict(f"There is a bucket {object_id} in the account that dcplan has not made.")
        if not there.private:
            block: dict[str, Any] = {"PublicAccessBlockConfiguration": _BLOCKED}
            self.shared.api.do("s3", region, "put_public_access_block", Bucket=object_id, **block)
            return None
        return _outputs(object_id, region)

    def gone(self, request: Request, object_id: str) -> bool:
        """Once it cannot be seen; where its data may go, they go first, a thousand objects at a time."""
        region = self.region(request)
        if self._shown(region, object_id) is None:
            return True
        if request.attributes.get(ON_DELETE) != WITH_DATA:
            return False
        try:
            self._empty(region, object_id)
            self.shared.api.do("s3", region, "delete_bucket", Bucket=object_id)
        except HoldsData:
            return False
        except AlreadyGone:
            return True
        return False

    def seen(self, region: str, by: By) -> Sequence[Found]:
        """Buckets that are ours; one that is not private any more is told as such."""
        shown = []
        for name in self._names_by(region, by):
            there = self._shown(region, name)
            if there is None:
                continue
            attributes = {**(attributes_in(there.tags) or {}), "private": there.private}
            outputs = _outputs(name, region)
            one = found(there.tags, name, ready=there.private, outputs=outputs, attributes=attributes)
            if one is not None and (by.key != LINEAGE or one.lineage in by.values):
                shown.append(one)
        return shown

    def parts(self, region: str, object_id: str) -> Sequence[str]:  # noqa: ARG002 - as the protocol has it
        """Nothing of EC2's."""
        return ()

    def handing(self, request: Request, regions: Sequence[str]) -> list[Callable[[], object]]:
        """What puts the owner's tag on a bucket that is there, or takes it away.

        Its name says whose it was made for: nobody else's lists would show it.
        """
        name = object_id_of(request)
        if request.lineage and not name.startswith(prefix_of(request.lineage)):
            raise Invalid(
                f"The name of the bucket {name} says whose it is, and cannot be changed. Name it in the "
                f"document instead, as `adopt: {name}`."
            )
        for region in regions:
            there = self._shown(region, name)
            if there is None:
                continue
            mine = {LINEAGE: request.lineage, ADDRESS: str(request.address)} if request.lineage else {}
            tags = {**{key: value for key, value in there.tags.items() if key != LINEAGE}, **mine}
            told: dict[str, Any] = {"TagSet": as_list(tags)}
            return [
                partial(self.shared.api.do, "s3", region, "put_bucket_tagging", Bucket=name, Tagging=told)
            ]
        raise gone(request)

    def _names_by(self, region: str, by: By) -> list[str]:
        """The names that a look is for: an owner's begin with its mark, a token's end in the token's."""
        if by.key == "id":
            return list(by.values)
        owners = by.values if by.key == LINEAGE else (by.lineage,)
        ends = ("",) if by.key == LINEAGE else tuple(f"-{_mark(token)}" for token in by.values)
        return [
            bucket["Name"]
            for owner in owners
            for bucket in self.shared.api.pages(
                "s3",
                region,
                "list_buckets",
                "Buckets",
                Prefix=prefix_of(owner),
                BucketRegion=region,
                MaxBuckets=1000,
            )
            if bucket["Name"].endswith(ends)
        ]

    def _shown(self, region: str, name: str) -> _Bucket | None:
        """A bucket as it is; None where there is none."""
        try:
            tags = self._part(region, "get_bucket_tagging", name).get("TagSet", ())
            block = self._part(region, "get_public_access_block", name)
        except AlreadyGone:
            return None
        told = block.get("PublicAccessBlockConfiguration", {})
        return _Bucket(name=name, tags=as_mapping(tags), private=all(told.get(key) for key in _BLOCKED))

    def _part(self, region: str, operation: str, name: str) -> dict[str, Any]:
        """One thing that may be set on a bucket; empty where it is not."""
        try:
            return self.shared.api.look("s3", region, operation, Bucket=name)
        except NotSet:
            return {}

    def _ours_by_name(self, request: Request, region: str, name: str) -> bool:
        """Whether the bucket that has the name is what this very request has made."""
        there = self._shown(region, name)
        one = None if there is None else found(there.tags, name, ready=False, outputs={})
        return one is not None and ours(request, [one]) is not None

    def _empty(self, region: str, bucket: str) -> None:
        """Delete what the first page shows, all versions of it."""
        page = self.shared.api.look(
            "s3", region, "list_object_versions", Bucket=bucket, MaxKeys=OBJECTS_OF_ONE_CALL
        )
        every = [
            {"Key": one["Key"], "VersionId": one["VersionId"]}
            for kind in ("Versions", "DeleteMarkers")
            for one in page.get(kind, ())
        ]
        if not every:
            return
        said = self.shared.api.do(
            "s3", region, "delete_objects", Bucket=bucket, Delete={"Objects": every, "Quiet": True}
        )
        for problem in said.get("Errors", ()):
            raise Invalid(
                f"{problem.get('Key')} in {bucket} cannot be deleted ({problem.get('Code')}: "
                f"{problem.get('Message')}). What keeps it (a retention, a policy) must go first."
            )


def _outputs(name: str, region: str) -> dict[str, JsonValue]:
    return {"id": name, "url": url_of(name), "region": region}
