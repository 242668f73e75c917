"""What a placement becomes on Google Cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.provider.lowering import ENDPOINT, JOB, REPLICA
from dcplan.provider.types import Idempotency, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

INSTANCE = "instance"
"""What Compute Engine calls a machine."""

CONSISTENCY_WINDOW_S = 60.0
"""Allowed for a new instance to show in lists (assumed: its operation is done before it is looked for)."""


def _kind(
    name: str, outputs: tuple[str, ...], replace_on: tuple[str, ...], *, points_only: bool = False
) -> Kind:
    """A kind that is told apart by its name, which is unique in project and zone."""
    return Kind(
        name=name,
        outputs=outputs,
        replace_on=replace_on,
        idempotency=Idempotency.NAME,
        token_ttl_s=0.0,
        consistency_window_s=CONSISTENCY_WINDOW_S,
        spends_money=False,
        points_only=points_only,
    )


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        _kind(INSTANCE, ("id", "address"), ("machine", "region", "zone", "block", "purchase", "gang")),
        _kind(REPLICA, ("id", "address"), ("workload", "machines", "devices")),
        _kind(JOB, ("id",), ("workload", "machines", "devices", "settings")),
        _kind(ENDPOINT, ("id", "url"), ("workload",), points_only=True),
    )
}
"""The kinds of resource that a plan for Google Cloud holds, by name."""
