"""What a launcher is told of the storage of a workload: where it is, now that it is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dcplan.provider.errors import Invalid
from dcplan.provider.storage import BUCKET, stored_of
from dcplan_aws.buckets import url_of
from dcplan_aws.file_systems import mount_of
from dcplan_aws.makers import needs

if TYPE_CHECKING:
    from dcplan.provider.types import Request
    from dcplan.resources import JsonValue
    from dcplan_aws.makers import Shared


def told(shared: Shared, request: Request, region: str) -> list[JsonValue]:
    """``name``, ``kind``, and ``url`` of a bucket or ``mount`` of a file system, for each storage."""
    return [*_told(shared, request, region)]


def _told(shared: Shared, request: Request, region: str) -> Iterator[JsonValue]:
    for one in stored_of(request.attributes):
        name, kind, adopted = str(one.get("name")), str(one.get("kind")), one.get("adopted")
        where = "url" if kind == BUCKET else "mount"
        if adopted is None:
            place = needs(request, kind).get(name, {}).get(where)
        elif kind == BUCKET:
            place = url_of(str(adopted))
        else:
            place = _mount(shared, region, str(adopted))
        if not isinstance(place, str):
            raise Invalid(f"{request.address} was asked for without its {name}. This is a bug in dcplan.")
        yield {"name": name, "kind": kind, where: place}


def _mount(shared: Shared, region: str, name: str) -> str:
    """Of a file system that is there; FSx alone knows the name that it is mounted by."""
    shown = shared.api.look("fsx", region, "describe_file_systems", FileSystemIds=[name])["FileSystems"]
    if not shown or shown[0]["FileSystemType"] != "LUSTRE":
        raise Invalid(f"{name} is no file system of FSx for Lustre in {region}. Mend its `id`.")
    return mount_of(shown[0])
