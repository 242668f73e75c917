"""What may stand under ``providers: gcp: storage:``, and what cannot be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from dcplan.catalog.regions import load_regions
from dcplan.provider.quotas import unknown
from dcplan.provider.storage import StorageSpec, misplaced, names_twice

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dcplan.diag import ConfigPath, Diagnostic

MULTI_REGIONS = frozenset({"asia", "eu", "us"})
"""Where a bucket may be besides one region (Cloud Storage documentation, "Bucket locations")."""


class GcpStorageSpec(StorageSpec):
    """A bucket of Cloud Storage."""

    as_: Annotated[Literal["bucket"], Field(alias="as")]
    adopt: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._\-]{1,220}[a-z0-9]$")] | None = None
    """A bucket that is there; dcplan makes none then, and deletes none."""


def storage_problems(specs: Sequence[GcpStorageSpec], path: ConfigPath) -> Iterator[Diagnostic]:
    """Everything in storage that cannot be."""
    known = {name.partition(":")[2] for name in load_regions() if name.startswith("gcp:")} | MULTI_REGIONS
    yield from names_twice(specs, path)
    for i, spec in enumerate(specs):
        at = (*path, i)
        if spec.adopt is not None:
            yield from misplaced(spec, (), ("force_delete",), "a bucket that is there", at)
        else:
            yield from misplaced(spec, ("region",), (), "a bucket", at)
        if spec.region is not None and spec.region not in known:
            yield unknown("region", spec.region, known, (*at, "region"))
