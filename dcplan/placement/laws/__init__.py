"""The laws of placement: one function each, listed in ``CONSTRAINTS``.

Each docstring gives the law in a sentence, then as a formula, then the label
its rules carry in explanations.  In the formulas c is a choice, p a pool, w a
workload; ``N[c]`` are the replicas of c, ``n[c, p]`` those of them in p, and
``take[c]`` is 1 when c is taken.  Where something must be survived, there may be
``extra[c]`` replicas more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.placement.laws.affinity import affinity
from dcplan.placement.laws.beside import parts_beside
from dcplan.placement.laws.budget import budget
from dcplan.placement.laws.capacity import pool_capacity
from dcplan.placement.laws.caps import carbon, power, site_power
from dcplan.placement.laws.ceilings import ceilings
from dcplan.placement.laws.demand import every_workload_runs
from dcplan.placement.laws.fleet import mixed_fleets
from dcplan.placement.laws.gangs import cut_bandwidth, one_pool, rack_room, scale_up_domain
from dcplan.placement.laws.meaning import (
    a_choice_brings_all_its_replicas,
    shared_machines_hold_their_replicas,
)
from dcplan.placement.laws.moves import max_moves
from dcplan.placement.laws.network import network
from dcplan.placement.laws.pins import pins, stays
from dcplan.placement.laws.quotas import quotas
from dcplan.placement.laws.residency import residency
from dcplan.placement.laws.spot import spot_share
from dcplan.placement.laws.spread import spread
from dcplan.placement.laws.survive import survive
from dcplan.placement.laws.weighable import carbon_is_known
from dcplan.placement.laws.windows import purchase_window

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.placement.model import Builder

CONSTRAINTS: tuple[Callable[[Builder], None], ...] = (
    every_workload_runs,
    a_choice_brings_all_its_replicas,
    mixed_fleets,
    parts_beside,
    shared_machines_hold_their_replicas,
    pool_capacity,
    one_pool,
    rack_room,
    scale_up_domain,
    cut_bandwidth,
    spread,
    affinity,
    spot_share,
    pins,
    stays,
    max_moves,
    ceilings,
    carbon_is_known,
    survive,
    purchase_window,
    quotas,
    residency,
    network,
    carbon,
    power,
    site_power,
    budget,
)
"""Every law there is, in the order in which they are added."""
