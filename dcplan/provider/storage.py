"""Storage for data and checkpoints: buckets and file systems, in the settings of a cloud and on their way.

A document names them under its provider; a workload that is named in ``for`` is told where they are.
Whoever plans datasets gives a cloud the same nouns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from dcplan.config.strict import Name, Strict
from dcplan.config.values import Many
from dcplan.diag import ConfigPath, Diagnostic, error, listed
from dcplan.provider.errors import HoldsData
from dcplan.provider.lowering import JOB, REPLICA
from dcplan.resources import Address, JsonValue, Resource
from dcplan.resources.machines import is_group

BUCKET = "bucket"
"""Objects by name, over HTTP."""
FILE_SYSTEM = "file_system"
"""Files that machines mount."""

ON_DELETE = "on_delete"
"""The attribute that says what becomes of the data when the storage is deleted."""
IF_EMPTY = "only-if-empty"
"""It is not deleted while there is something in it."""
AFTER_BACKUP = "after-a-backup"
"""The data go; a backup of them stays."""
WITH_DATA = "with-its-data"
"""The data go."""


class StorageSpec(Strict):
    """What all storage says of itself."""

    name: Name
    region: str | None = None
    """Where it is."""
    for_: Annotated[Many[Name], Field(alias="for")] = ()
    """The workloads that use it; each of their machines is told where it is."""
    force_delete: bool = False
    """Deleting it deletes what is in it; without this a bucket must be empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """One storage as its workloads are told of it."""

    name: str
    kind: str
    """``BUCKET`` or ``FILE_SYSTEM``."""
    workloads: tuple[str, ...]
    address: Address | None = None
    """Of the resource that dcplan makes; None for what is there already."""
    object_id: str | None = None
    """Of what is there already."""
    region: str | None = None

    @property
    def told(self) -> dict[str, JsonValue]:
        """As the attribute ``storage`` of a replica or job has it; where it is, is known after apply."""
        there: dict[str, JsonValue] = {} if self.object_id is None else {"adopted": self.object_id}
        where: dict[str, JsonValue] = {} if self.region is None else {"region": self.region}
        return {"name": self.name, "kind": self.kind, **there, **where}


def with_storage(resources: Iterable[Resource], stored: Sequence[Stored]) -> Iterator[Resource]:
    """The resources, where what runs (and machine groups) needs its workload's storage and is told of it."""
    for resource in resources:
        mine = [s for s in stored if resource.attributes.get("workload") in s.workloads]
        runs = resource.address.kind in {REPLICA, JOB} or is_group(resource.attributes)
        if not mine or not runs:
            yield resource
            continue
        told: list[JsonValue] = [one.told for one in mine]
        needs = tuple(one.address for one in mine if one.address is not None)
        attributes = {**resource.attributes, "storage": told}
        yield replace(resource, attributes=attributes, needs=(*resource.needs, *needs))


def not_empty(address: Address, bucket: str) -> HoldsData:
    """The error with which a bucket stays, and the two ways out."""
    return HoldsData(
        f"The bucket {bucket} is not empty, so it stays, with all that is in it. To keep it: dcplan state rm "
        f"{address}, and name it in the document as `adopt: {bucket}`. To delete it with its data: set "
        f"`force_delete: true` for it in the document, dcplan apply -target {address}, and delete it then."
    )


def stored_of(attributes: object) -> list[dict[str, JsonValue]]:
    """The storage that the attributes of a replica or job name."""
    told = attributes.get("storage") if isinstance(attributes, dict) else None
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list | tuple) else []


def names_twice(specs: Sequence[StorageSpec], path: ConfigPath) -> Iterator[Diagnostic]:
    """Two storages of one name: their addresses would be one."""
    count = Counter(spec.name for spec in specs)
    seen: set[str] = set()
    for i, spec in enumerate(specs):
        if count[spec.name] > 1 and spec.name in seen:
            detail = f'Another storage of this provider is called "{spec.name}". Give each its own name.'
            yield error("storage-twice", "Two storages of one name", detail, path=(*path, i, "name"))
        seen.add(spec.name)


def misplaced(
    spec: StorageSpec, needs: Sequence[str], refuses: Sequence[str], what: str, at: ConfigPath
) -> Iterator[Diagnostic]:
    """Keys that are missing, and keys that are not of this sort; ``what`` is that sort, with its article."""
    missing = [key for key in needs if getattr(spec, key) is None]
    if missing:
        detail = f'"{spec.name}" is {what}: say its {listed(missing)} as well.'
        yield error("storage-incomplete", "A storage is not told in full", detail, path=at)
    for key in refuses:
        if key in spec.model_fields_set and getattr(spec, key) not in (None, False):
            detail = f'"{spec.name}" is {what}, which has no {key}. Take it out.'
            yield error("storage-key", "A key of another sort of storage", detail, path=(*at, key))
