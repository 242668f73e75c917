"""What a placement becomes on AWS."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.provider.lowering import kinds_on
from dcplan.provider.types import Idempotency, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

INSTANCE = "instance"
"""What AWS calls a machine."""

TOKEN_TTL_S = 3600.0
"""How long a repeated ClientToken is sure to give the same instance (EC2 API guide, idempotency)."""

CONSISTENCY_WINDOW_S = 300.0
"""How long a new instance may be missing from describe calls (EC2 API guide, eventual consistency)."""

KINDS: Mapping[str, Kind] = kinds_on(
    Kind(
        name=INSTANCE,
        outputs=("id", "address"),
        replace_on=("machine", "region", "zone", "block", "purchase", "gang"),
        idempotency=Idempotency.TOKEN,
        token_ttl_s=TOKEN_TTL_S,
        consistency_window_s=CONSISTENCY_WINDOW_S,
        spends_money=False,
    )
)
"""The kinds of resource that a plan for AWS holds, by name: all as EC2's API has it."""
