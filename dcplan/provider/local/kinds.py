"""What the local data centre can make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.provider.local.faults import MACHINE
from dcplan.provider.lowering import kinds_on
from dcplan.provider.types import Idempotency, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "local"
"""Of the provider, in addresses and in the document."""

KINDS: Mapping[str, Kind] = kinds_on(
    Kind(
        name=MACHINE,
        outputs=("id", "node", "rack", "address"),
        replace_on=("machine", "region", "zone", "block", "rack", "purchase"),
        idempotency=Idempotency.TOKEN,
        token_ttl_s=float("inf"),
        consistency_window_s=0.0,
        spends_money=False,
    )
)
"""By name.  Tokens hold for ever, new objects are seen at once, nothing is bought."""
