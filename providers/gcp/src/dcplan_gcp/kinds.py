"""What a placement becomes on Google Cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.provider.lowering import kinds_on
from dcplan.provider.types import Idempotency, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

INSTANCE = "instance"
"""What Compute Engine calls a machine."""

CONSISTENCY_WINDOW_S = 60.0
"""Allowed for a new instance to show in lists (assumed: its operation is done before it is looked for)."""

KINDS: Mapping[str, Kind] = kinds_on(
    Kind(
        name=INSTANCE,
        outputs=("id", "address"),
        replace_on=("machine", "region", "zone", "block", "purchase", "gang"),
        idempotency=Idempotency.NAME,
        token_ttl_s=0.0,
        consistency_window_s=CONSISTENCY_WINDOW_S,
        spends_money=False,
    )
)
"""The kinds of resource that a plan for Google Cloud holds, by name.

Each is told apart by its name, which is unique in project and zone.
"""
