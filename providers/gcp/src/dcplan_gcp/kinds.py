"""What a placement becomes on Google Cloud."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.provider.lowering import REPLICA, kinds_on
from dcplan.provider.start_up import KEY
from dcplan.provider.storage import BUCKET
from dcplan.provider.types import Idempotency, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

INSTANCE = "instance"
"""What Compute Engine calls a machine."""

NETWORK = "network"

RESERVATION = "reservation"
"""Machines of one type that a zone keeps, paid for by the hour until it is deleted."""

BLOCK = "capacity_block"
"""Machines for a time window: a future reservation in calendar mode, paid for as a whole."""
MANAGED_GROUP, NODE_POOL = "managed_group", "node_pool"
"""Machine groups: of Compute Engine, and of a cluster of Kubernetes."""

CONSISTENCY_WINDOW_S = 5.0
"""Allowed for a new object to show in lists: they are consistent once its create is answered (assumed)."""


def _kind(
    name: str, outputs: tuple[str, ...], replace_on: tuple[str, ...], *, kept: tuple[str, ...] = ()
) -> Kind:
    return Kind(
        name=name,
        outputs=outputs,
        replace_on=replace_on,
        idempotency=Idempotency.NAME,
        token_ttl_s=0.0,
        consistency_window_s=CONSISTENCY_WINDOW_S,
        spends_money=False,
        kept=kept,
    )


_MACHINE = _kind(
    INSTANCE,
    ("id", "address", "zone"),
    ("machine", "region", "zone", "block", "purchase", "reservation", "gang", "slice"),
    kept=(KEY,),
)

_GROUP = ("workload", "machine", "region", "zone", "block", "purchase", "reservation", "gang")
"""What cannot be changed of a machine group: another pool is another group anyhow."""

_ON_MACHINES = kinds_on(_MACHINE)

KINDS: Mapping[str, Kind] = {
    NETWORK: _kind(NETWORK, ("id",), ("mtu", "routing")),
    # Their descriptions are fixed, so what only the document knows stays as it was when they were made.
    RESERVATION: _kind(RESERVATION, ("id",), ("region", "zone", "machine_type", "until"), kept=("project",)),
    # Once it is locked, what is spent is spent: nothing is ordered twice unasked.
    BLOCK: replace(
        _kind(
            BLOCK,
            ("id",),
            ("region", "zone", "machine_type", "machines", "start", "end"),
            kept=("project", "expected_usd"),
        ),
        spends_money=True,
    ),
    BUCKET: replace(
        _kind(BUCKET, ("id", "url"), ("region",)),
        idempotency=Idempotency.TOKEN,
        token_ttl_s=float("inf"),
    ),
    **_ON_MACHINES,
    MANAGED_GROUP: _kind(MANAGED_GROUP, ("id", "zone", "group"), _GROUP, kept=(KEY,)),
    NODE_POOL: _kind(NODE_POOL, ("id",), (*_GROUP, "cluster", "location")),
    REPLICA: replace(_ON_MACHINES[REPLICA], outputs=("id", "address", "group")),
}
"""The kinds of resource that a plan for Google Cloud holds, by name.

Each is told apart by its name, which is unique in project and zone, region or project.  That of a bucket is
made from the token.
"""
