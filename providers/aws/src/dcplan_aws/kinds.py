"""What a placement becomes on AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dcplan.provider.lowering import ENDPOINT, JOB, REPLICA, kinds_on
from dcplan.provider.start_up import KEY
from dcplan.provider.storage import BUCKET, FILE_SYSTEM
from dcplan.provider.types import Idempotency, Kind

INSTANCE = "instance"
"""What AWS calls a machine."""
NETWORK = "network"
"""A VPC with a subnet in each zone, a security group and a way out: one for each region."""
RESERVATION = "capacity_reservation"
"""Machines kept in a zone, paid by the hour while it is there."""
BLOCK = "capacity_block"
"""Machines for a time window, paid at once."""
GROUP = "placement_group"
"""What keeps the machines of one gang close together."""

SCALING_GROUP = "auto_scaling_group"
FLEET = "fleet"
NODE_GROUP = "node_group"
"""Machines in a group of AWS's own: of Auto Scaling, of EC2, of an EKS cluster."""
MACHINE_GROUPS = frozenset({SCALING_GROUP, FLEET, NODE_GROUP})

TOKEN_TTL_S = 3600.0
"""How long a repeated ClientToken is sure to give the same instance (EC2 API guide, idempotency)."""

CONSISTENCY_WINDOW_S = 300.0
"""How long a new instance may be missing from describe calls (EC2 API guide, eventual consistency)."""

FOR_EVER_S = float("inf")
"""Names made from a token: they are refused a second time for as long as the object is there."""

_MACHINE = Kind(
    name=INSTANCE,
    outputs=("id", "address", "region"),
    replace_on=(
        *("machine", "region", "zone", "block", "purchase", "gang"),
        *("reservation", "image", "disk_gib", "instance_profile", "launcher", "network"),
    ),
    kept=(KEY,),
    idempotency=Idempotency.TOKEN,
    token_ttl_s=TOKEN_TTL_S,
    consistency_window_s=CONSISTENCY_WINDOW_S,
    spends_money=False,
)
_ON_MACHINES = kinds_on(_MACHINE)
_ALIKE = ("machine", "region", "zone", "block", "purchase", "gang", "reservation", "disk_gib", "network")
"""What all machines of a group have in common, and keep."""
_LAUNCHED = (*_ALIKE, "image", "instance_profile", "launcher")


def _group(name: str, replace_on: tuple[str, ...]) -> Kind:
    # Its record is a parameter, and its parts have names that are made from the token.
    return replace(
        _MACHINE,
        name=name,
        outputs=("id", "region", "group"),
        replace_on=replace_on,
        token_ttl_s=FOR_EVER_S,
    )


KINDS: Mapping[str, Kind] = {
    # CreateVpc takes no token: what it made is found by its tags.
    NETWORK: replace(
        _MACHINE,
        name=NETWORK,
        outputs=("id", "subnets", "security_groups"),
        replace_on=("region", "cidr"),
        idempotency=Idempotency.TAG,
        token_ttl_s=0.0,
    ),
    GROUP: replace(
        _MACHINE, name=GROUP, outputs=("id",), replace_on=("region", "strategy"), token_ttl_s=FOR_EVER_S
    ),
    # It is given back by cancelling it, so that a lost one costs hours and no more.
    RESERVATION: replace(
        _MACHINE, name=RESERVATION, outputs=("id",), replace_on=("region", "zone", "machine_type")
    ),
    # PurchaseCapacityBlock takes no token, and what is spent is spent: nothing is bought twice unasked.
    BLOCK: replace(
        _MACHINE,
        name=BLOCK,
        outputs=("id",),
        replace_on=("region", "zone", "machine_type", "machines", "start", "end"),
        idempotency=Idempotency.TAG,
        token_ttl_s=0.0,
        spends_money=True,
    ),
    INSTANCE: _MACHINE,
    # A bucket's name is made from its owner, its own name and the token.
    BUCKET: replace(
        _MACHINE,
        name=BUCKET,
        outputs=("id", "url", "region"),
        replace_on=("region",),
        token_ttl_s=FOR_EVER_S,
    ),
    FILE_SYSTEM: replace(
        _MACHINE,
        name=FILE_SYSTEM,
        outputs=("id", "mount", "region"),
        replace_on=("region", "zone", "efa", "vpc"),
        token_ttl_s=FOR_EVER_S,
    ),
    SCALING_GROUP: _group(SCALING_GROUP, _LAUNCHED),
    FLEET: _group(FLEET, _LAUNCHED),
    NODE_GROUP: _group(NODE_GROUP, (*_ALIKE, "cluster", "role")),
    **{
        name: replace(_ON_MACHINES[name], token_ttl_s=FOR_EVER_S, replace_on=replace_on)
        for name, replace_on in (
            (REPLICA, (*_ON_MACHINES[REPLICA].replace_on,)),
            (JOB, (*_ON_MACHINES[JOB].replace_on,)),
            (ENDPOINT, (*_ON_MACHINES[ENDPOINT].replace_on, "network", "scheme", "clients")),
        )
    },
}
"""The kinds of resource that a plan for AWS holds, by name: all as EC2's, SSM's and ELB's APIs have it."""
