"""What the local data centre can make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.provider.local.faults import MACHINE
from dcplan.provider.lowering import ENDPOINT, JOB, REPLICA
from dcplan.provider.types import Idempotency, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "local"
"""Of the provider, in addresses and in the document."""


def _kind(
    name: str, outputs: tuple[str, ...], replace_on: tuple[str, ...], *, points_only: bool = False
) -> Kind:
    """A kind of this data centre: tokens hold for ever, new objects are seen at once, nothing is bought."""
    return Kind(
        name=name,
        outputs=outputs,
        replace_on=replace_on,
        idempotency=Idempotency.TOKEN,
        token_ttl_s=float("inf"),
        consistency_window_s=0.0,
        spends_money=False,
        points_only=points_only,
    )


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        _kind(
            MACHINE,
            ("id", "node", "rack", "address"),
            ("machine", "region", "zone", "block", "purchase"),
        ),
        _kind(REPLICA, ("id", "address"), ("workload", "machines", "devices")),
        _kind(JOB, ("id",), ("workload", "machines", "devices", "settings")),
        _kind(ENDPOINT, ("id", "url"), ("workload",), points_only=True),
    )
}
