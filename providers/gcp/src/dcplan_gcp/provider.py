"""Google Cloud as dcplan sees it: what can be had there, and what a placement becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.provider.catalogued import CataloguedProvider, Cloud
from dcplan_gcp.kinds import INSTANCE, KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dcplan.diag import Result
    from dcplan.provider.protocol import Provider


class GcpProvider(CataloguedProvider):
    """Plans on Google Cloud from the catalogue's facts; cannot apply yet.

    It knows no blocks: Google Cloud tells of them only for reservations and machines that run.
    """

    cloud = Cloud(name="gcp", title="Google Cloud", machine_kind=INSTANCE, kinds=KINDS)


def provider(settings: Mapping[str, object], folder: Path) -> Result[Provider]:  # noqa: ARG001 - the factory's signature
    """The Google Cloud provider with these settings; opens no connection."""
    return GcpProvider.with_settings(settings)
