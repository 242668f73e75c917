"""AWS as dcplan sees it: what can be had there, and what a placement becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.provider.catalogued import CataloguedProvider, Cloud
from dcplan_aws.kinds import INSTANCE, KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dcplan.diag import Result
    from dcplan.provider.protocol import Provider


class AwsProvider(CataloguedProvider):
    """Plans on AWS from the catalogue's facts; cannot apply yet.

    It knows no racks: AWS tells of racks and links only for machines that already run.
    """

    cloud = Cloud(name="aws", title="AWS", machine_kind=INSTANCE, kinds=KINDS)


def provider(settings: Mapping[str, object], folder: Path) -> Result[Provider]:  # noqa: ARG001 - the factory's signature
    """The AWS provider with these settings; opens no connection."""
    return AwsProvider.with_settings(settings)
