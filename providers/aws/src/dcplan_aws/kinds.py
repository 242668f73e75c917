"""What a placement becomes on AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.provider.lowering import ENDPOINT, JOB, REPLICA
from dcplan.provider.types import Idempotency, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

INSTANCE = "instance"
"""What AWS calls a machine."""

TOKEN_TTL_S = 3600.0
"""How long a repeated ClientToken is sure to give the same instance (EC2 API guide, idempotency)."""

CONSISTENCY_WINDOW_S = 300.0
"""How long a new instance may be missing from describe calls (EC2 API guide, eventual consistency)."""


def _kind(
    name: str, outputs: tuple[str, ...], replace_on: tuple[str, ...], *, points_only: bool = False
) -> Kind:
    """A kind with the idempotency and the consistency of EC2's API."""
    return Kind(
        name=name,
        outputs=outputs,
        replace_on=replace_on,
        idempotency=Idempotency.TOKEN,
        token_ttl_s=TOKEN_TTL_S,
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
"""The kinds of resource that a plan for AWS holds, by name."""
