"""From a solution to what each provider shall hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING

from dcplan.demand.types import Demand, ServeDemand, TrainDemand
from dcplan.placement.fleets import routing_weights
from dcplan.provider.types import MachineGroup, Placement, ReplicaSpec, WorkloadSpec
from dcplan.sharding.names import plain_id
from dcplan.sharding.types import Candidate, ServeEstimate

if TYPE_CHECKING:
    from dcplan.catalog.types import Offering
    from dcplan.perf.types import Layout
    from dcplan.placement.types import Assignment, MachineSlot, ReplicaSlot
    from dcplan.resources import JsonValue

RANK_ORDER = ("tensor", "context", "data", "pipeline")
"""How ranks are numbered over the machines of a job, the first fastest; expert groups lie along tensor,
context and data.  That is what estimates and seats count on (``perf.between``)."""


def lower(
    demand: Demand,
    candidates: Mapping[str, Candidate],
    assignment: Assignment,
    offerings: Mapping[str, Offering],
) -> dict[str, Placement]:
    """One placement a provider.

    ``candidates`` are by id, ``offerings`` by pool.  A workload whose replicas
    lie with two providers becomes one workload spec with each of them.
    """
    provider_of = {m.name: offerings[m.pool].provider for m in assignment.machines}
    replicas: dict[tuple[str, str], list[ReplicaSlot]] = {}
    for replica in assignment.replicas:
        key = (provider_of[replica.machines[0]], replica.workload)
        replicas.setdefault(key, []).append(replica)
    weights = _weights(assignment, candidates)
    standby = {m for r in assignment.replicas if candidates[r.choice].standby for m in r.beside_machines}
    placements: dict[str, Placement] = {}
    for provider in sorted({*provider_of.values()}):
        mine = [m for m in assignment.machines if provider_of[m.name] == provider]
        placements[provider] = Placement(
            project=demand.project,
            machines=machine_groups(mine, offerings, standby),
            workloads=tuple(
                _workload(w, candidates, replicas[provider, w.name], weights)
                for w in demand.workloads
                if (provider, w.name) in replicas
            ),
        )
    return placements


def machine_groups(
    machines: list[MachineSlot], offerings: Mapping[str, Offering], standby: Collection[str]
) -> tuple[MachineGroup, ...]:
    """Machines of one pool and one owner together; those that stand by for a gang are no part of it."""
    names: dict[tuple[str, str | None, bool], list[MachineSlot]] = {}
    for machine in machines:
        key = (machine.pool, machine.exclusive_to, machine.name in standby)
        names.setdefault(key, []).append(machine)
    return tuple(
        MachineGroup(
            pool=pool,
            machine=offerings[pool].machine,
            region=offerings[pool].region,
            zone=offerings[pool].zone,
            block=offerings[pool].block,
            purchase=offerings[pool].purchase.value,
            names=tuple(m.name for m in members),
            racks=tuple(m.rack for m in members),
            gang=owner is not None and len(members) > 1 and not waits,
            exclusive_to=owner,
        )
        for (pool, owner, waits), members in names.items()
    )


def _weights(assignment: Assignment, candidates: Mapping[str, Candidate]) -> dict[str, int]:
    """By choice in use, how many parts of its workload's requests one replica gets."""
    most: dict[str, dict[str, float]] = {}
    for replica in assignment.replicas:
        estimate = candidates[replica.choice].estimate
        if isinstance(estimate, ServeEstimate):
            most.setdefault(replica.workload, {})[replica.choice] = estimate.max_requests_per_s
    return {choice: weight for mine in most.values() for choice, weight in routing_weights(mine).items()}


def _workload(
    demand: ServeDemand | TrainDemand,
    candidates: Mapping[str, Candidate],
    slots: list[ReplicaSlot],
    weights: Mapping[str, int],
) -> WorkloadSpec:
    settings = {choice: settings_of(demand, candidates[choice]) for choice in {s.choice for s in slots}}
    served = isinstance(demand, ServeDemand)
    return WorkloadSpec(
        name=demand.name,
        kind="serve" if served else "train",
        replicas=tuple(
            ReplicaSpec(
                name=s.name,
                machines=s.machines,
                devices=s.devices,
                settings=settings[s.choice],
                prefill_machines=s.beside_machines if served else (),
                prefill_devices=s.beside_devices if served else (),
                standby=() if served else s.beside_machines,
                weight=weights.get(s.choice, 1),
            )
            for s in slots
        ),
    )


def settings_of(demand: ServeDemand | TrainDemand, candidate: Candidate) -> dict[str, JsonValue]:
    """What a launcher needs to start one replica, and ``choice``, by which the next plan knows it again.

    ``workers`` and ``prefill`` stand there for a unit only: so many workers in
    ``layout`` decode, and so many in ``prefill.layout`` compute prompts.
    Only what changes the running process stands here: a forecast that moves by
    a hair must not restart every server.
    """
    settings: dict[str, JsonValue] = {
        "choice": plain_id(candidate.id),
        "model": candidate.model or demand.model,
        "precision": candidate.precision,
        "engine" if isinstance(demand, ServeDemand) else "framework": demand.software,
    }
    if candidate.variant:
        settings["variant"] = candidate.variant
    if isinstance(candidate.estimate, ServeEstimate):
        settings["layout"] = _served(candidate.layout)
        settings["max_sequences"] = _round_up_power(candidate.estimate.max_batch)
        if candidate.prefill is not None:
            # The workers of a unit share its machines, or those of either kind have their own; the launcher
            # seats larger ones first, so that none is cut apart: sizes divide each other.
            unit = candidate.prefill
            settings["workers"] = unit.decode_workers
            settings["prefill"] = {"layout": _served(unit.layout), "workers": unit.workers}
        return settings
    settings["layout"] = asdict(candidate.layout)
    if candidate.machines > 1:
        # Its machines are listed in the order in which this numbers ranks.
        settings["rank_order"] = list(RANK_ORDER)
    if isinstance(demand, TrainDemand):
        settings["sequence_length"] = demand.sequence_tokens
        settings["global_batch"] = demand.global_batch_sequences
        settings["tokens"] = demand.tokens
    return settings


def _served(layout: Layout) -> dict[str, JsonValue]:
    """The sizes of a layout that a server knows; training's words (ZeRO, recompute...) mean nothing to it."""
    return {name: getattr(layout, name) for name in ("tensor", "pipeline", "data", "expert", "context")}


def _round_up_power(batch: int) -> int:
    """The next power of two: a value that rarely changes."""
    return 1 << max(batch - 1, 0).bit_length()
