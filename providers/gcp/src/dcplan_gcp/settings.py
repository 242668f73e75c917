"""The settings of the Google Cloud provider: what may stand under ``providers: gcp:``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

from dcplan.config import validate_settings
from dcplan.config.values import Many
from dcplan.diag import ConfigPath, Diagnostic, Result, did_you_mean, error, listed

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

PATH: ConfigPath = ("providers", "gcp")
"""Where the settings stand in the document."""


class GcpSettings(BaseModel):
    """Where to plan."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    regions: Many[str] | None = None
    """Plan in these regions only; in all that the catalogue knows when left out."""


def read_settings(settings: Mapping[str, object], regions: Collection[str]) -> Result[GcpSettings]:
    """The settings, checked; ``regions`` are those that the catalogue knows."""
    checked = validate_settings(settings, GcpSettings, PATH)
    if checked.value is None:
        return checked
    unknown = tuple(
        _unknown_region(index, region, regions)
        for index, region in enumerate(checked.value.regions or ())
        if region not in regions
    )
    return Result(None if unknown else checked.value, (*checked.diagnostics, *unknown))


def _unknown_region(index: int, region: str, regions: Collection[str]) -> Diagnostic:
    """A region in which no machine is known."""
    near = did_you_mean(region, regions) or f"Known are {listed(sorted(regions))}."
    detail = f'The catalogue knows no accelerator machines in the Google Cloud region "{region}". {near}'
    return error("unknown-region", "Unknown region", detail, path=(*PATH, "regions", index))
