"""What may stand under ``providers: aws: storage:``, and what cannot be.

Sources: (api) Amazon FSx API Reference, CreateFileSystem: capacities and throughputs; (guide) FSx for Lustre
User Guide, "Increasing storage capacity": steps of file systems with EFA; (s3) botocore 1.44's model of S3,
BucketLocationConstraint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Annotated, Literal

from pydantic import Field

from dcplan.catalog import load_offerings
from dcplan.config.values import Bytes
from dcplan.diag import ConfigPath, Diagnostic, error, listed
from dcplan.provider.quotas import unknown
from dcplan.provider.storage import StorageSpec, misplaced, names_twice

S3_REGIONS = frozenset(
    {
        *("af-south-1", "ap-east-1", "ap-east-2", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3"),
        *("ap-south-1", "ap-south-2", "ap-southeast-1", "ap-southeast-2", "ap-southeast-3"),
        *("ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-central-1"),
        *("ca-west-1", "cn-north-1", "cn-northwest-1", "eu-central-1", "eu-central-2", "eu-north-1"),
        *("eu-south-1", "eu-south-2", "eu-west-1", "eu-west-2", "eu-west-3", "il-central-1"),
        *("me-central-1", "me-south-1", "mx-central-1", "sa-east-1", "us-east-1", "us-east-2"),
        *("us-gov-east-1", "us-gov-west-1", "us-west-1", "us-west-2"),
    }
)
"""Where there may be buckets (s3)."""

SMALLEST_GIB, STEP_GIB = 1200, 2400
"""Of PERSISTENT_2 on SSD: 1,200 GiB, or multiples of 2,400 (api)."""
EFA_STEP = 4_800_000
"""GiB times MB/s a TiB: with EFA, capacity comes in multiples of this over the throughput (guide)."""
_AS_AWS_COUNTS = 1000 / 1024
"""AWS calls 1,200 GiB 1.2 TiB."""


class AwsStorageSpec(StorageSpec):
    """A bucket of S3, or a file system of FSx for Lustre."""

    as_: Annotated[Literal["bucket", "lustre"], Field(alias="as")]
    adopt: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.\-]{1,61}[a-z0-9]$")] | None = None
    """A bucket that is there; dcplan makes none then, and deletes none."""
    id: Annotated[str, Field(pattern=r"^fs-[0-9a-f]{8,17}$")] | None = None
    """A file system that is there; dcplan makes none then, and deletes none."""
    zone: str | None = None
    """Of a file system, by its id; where its machines are."""
    size: Bytes | None = None
    """Of a file system: 1.2 TiB, 2.4 TiB, or a multiple of 2.4 TiB."""
    throughput: Literal[125, 250, 500, 1000] | None = None
    """Of a file system, MB/s for each TiB."""
    efa: bool | None = None
    """Whether a file system takes EFA; default: if its size allows it."""

    @property
    def made(self) -> bool:
        """Whether dcplan makes it."""
        return self.adopt is None and self.id is None

    @property
    def size_gib(self) -> int:
        """As FSx takes it."""
        return capacity_gib(self.size or 0.0) or 0

    @property
    def with_efa(self) -> bool:
        """Whether it takes EFA."""
        return _takes_efa(self) if self.efa is None else self.efa

    @property
    def place(self) -> str | None:
        """Its region, as far as it is told."""
        return self.region if self.zone is None else region_of_zone().get(self.zone)


def capacity_gib(size_bytes: float) -> int | None:
    """A legal capacity in GiB; None for what FSx does not make.  4.8TiB is 4,800 GiB, as AWS counts."""
    exact = size_bytes / 2**30
    for gib in (exact, exact * _AS_AWS_COUNTS):
        whole = round(gib)
        if abs(gib - whole) < 1e-6 * max(gib, 1.0) and _legal(whole):
            return whole
    return None


@cache
def region_of_zone() -> Mapping[str, str]:
    """The region of each zone that the catalogue knows."""
    return {offering.zone: offering.region for offering in load_offerings("aws")}


def storage_problems(specs: Sequence[AwsStorageSpec], path: ConfigPath) -> Iterator[Diagnostic]:
    """Everything in storage that cannot be."""
    yield from names_twice(specs, path)
    for i, spec in enumerate(specs):
        at = (*path, i)
        if spec.as_ == "bucket":
            yield from _of_bucket(spec, at)
        else:
            yield from _of_file_system(spec, at)


_FILE_SYSTEM_KEYS = ("zone", "size", "throughput", "efa")


def _of_bucket(spec: AwsStorageSpec, at: ConfigPath) -> Iterator[Diagnostic]:
    refused = (*_FILE_SYSTEM_KEYS, "id")
    if spec.adopt is not None:
        yield from misplaced(spec, (), (*refused, "force_delete"), "a bucket that is there", at)
    else:
        yield from misplaced(spec, ("region",), refused, "a bucket", at)
    if spec.region is not None and spec.region not in S3_REGIONS:
        yield unknown("region", spec.region, S3_REGIONS, (*at, "region"))


def _of_file_system(spec: AwsStorageSpec, at: ConfigPath) -> Iterator[Diagnostic]:
    if spec.id is not None:
        refused = (*_FILE_SYSTEM_KEYS, "adopt", "force_delete")
        yield from misplaced(spec, (), refused, "a file system that is there", at)
        return
    yield from misplaced(spec, ("zone", "size", "throughput"), ("adopt", "region"), "a file system", at)
    if spec.zone is not None and spec.zone not in region_of_zone():
        yield unknown("zone", spec.zone, region_of_zone(), (*at, "zone"))
    if spec.size is not None and capacity_gib(spec.size) is None:
        detail = (
            f"FSx for Lustre makes file systems of {_gib(SMALLEST_GIB)}, {_gib(STEP_GIB)}, or a multiple of "
            f"that. Nearest are {listed([_gib(gib) for gib in _nearest(spec.size)])}."
        )
        yield error("storage-size", "There is no file system of that size", detail, path=(*at, "size"))
    elif spec.efa and spec.throughput is not None and not _takes_efa(spec):
        step = EFA_STEP // spec.throughput
        detail = (
            f"At {spec.throughput} MB/s a TiB, a file system with EFA has a multiple of {_gib(step)}. Take "
            f"such a size, another throughput, or efa: false."
        )
        yield error("storage-efa", "A file system of that size takes no EFA", detail, path=(*at, "efa"))


def _takes_efa(spec: AwsStorageSpec) -> bool:
    gib = capacity_gib(spec.size or 0.0)
    return gib is not None and spec.throughput is not None and gib % (EFA_STEP // spec.throughput) == 0


def _legal(gib: int) -> bool:
    return gib == SMALLEST_GIB or (gib > 0 and gib % STEP_GIB == 0)


def _nearest(size_bytes: float) -> list[int]:
    gib = size_bytes / 2**30
    below = int(gib // STEP_GIB) * STEP_GIB
    return sorted({SMALLEST_GIB, STEP_GIB} if below == 0 else {below, below + STEP_GIB})


def _gib(gib: int) -> str:
    return f"{gib}GiB"
