"""Documents of a kind, small enough to draw at random, and the plans that lead to them.

What a solver would decide is decided here in a few lines: things keep the name and the pool that they
have.  All else is dcplan's own: moves, comparison, succession, targets, fallbacks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dcplan.config.refactor_spec import MovedSpec, RemovedSpec
from dcplan.plan.diff import Diff, diff
from dcplan.plan.fallbacks import Alternative, Fallback, Share, Unit
from dcplan.plan.lifecycle import Compared
from dcplan.plan.make import make_plan
from dcplan.plan.refactor import Wishes, refactor
from dcplan.plan.select import only, without
from dcplan.plan.sold_out import remembered
from dcplan.plan.state_changes import noted, relabelled
from dcplan.plan.succession import Room, succession
from dcplan.plan.types import Digests, Plan
from dcplan.resources import Action, Address, Change, Resource, ResourceGraph
from program_cloud import KINDS, POOLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dcplan.state import State
    from program_cloud import Cloud

_KINDS = {("world", name): kind for name, kind in KINDS.items()}
GANG = ("g0", "g1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What shall be."""

    sizes: tuple[int, ...]
    """Of single machines."""
    gang: int
    """Size of the two machines of a job; 0: there is none."""
    replicas: tuple[tuple[str, int, int, int], ...]
    """Workload (``one``, ``two``), machine, device, settings."""
    names: tuple[str, str] = ("chat", "emb")
    """Of the two services."""
    moved: bool = False
    """Whether what was called chat is called talk, which the document says."""
    successors: frozenset[str] = frozenset()
    """Workloads with create_before_destroy."""
    forget: bool = False
    """The job is let go without being destroyed, where it is not wanted."""

    def name(self, workload: str) -> str:
        """What a workload is called."""
        return self.names[workload == "two"]

    @property
    def wishes(self) -> Wishes:
        """What it says of things that exist."""
        named = {self.name(w) for w, machine, *_ in self.replicas if machine < len(self.sizes)}
        named |= {"pre"} if self.gang else set()
        # As ``validate`` has it: what is moved is not there any more, and what it becomes is.
        moves = self.moved and "chat" not in named and "talk" in named
        moved = [MovedSpec.model_validate({"from": "chat", "to": "talk"})] if moves else []
        forgets = self.forget and not self.gang
        removed = [RemovedSpec.model_validate({"from": "pre", "destroy": False})] if forgets else []
        return Wishes(moved=moved, removed=removed, workloads=named)


def wanted(program: Program, prior: Mapping[Address, Resource], sold_out: frozenset[str]) -> ResourceGraph:
    """The resources of a program, by the names and in the pools that they have already."""
    return ResourceGraph.of(_wanted(program, prior, sold_out))


def _wanted(
    program: Program, prior: Mapping[Address, Resource], sold_out: frozenset[str]
) -> Iterator[Resource]:
    machines: list[tuple[str, int, tuple[str, ...]]] = [
        (f"s{i}", size, (f"s{i}",)) for i, size in enumerate(program.sizes)
    ]
    machines += [(slot, program.gang, GANG) for slot in GANG if program.gang]
    at: dict[str, Address] = {}
    for slot, size, unit in machines:
        at[slot] = _address(prior, "machine", slot, f"{slot}-0", size=size)
        here = {r.attributes["pool"] for r in _there(prior, "machine", unit)}
        whole = len(_there(prior, "machine", unit)) >= len(unit) and len(here) == 1
        free = [p for p in POOLS if p not in sold_out]
        pool = next(iter(here)) if whole else (free or POOLS)[0]
        yield Resource(address=at[slot], attributes={"slot": slot, "size": size, "pool": pool})
    for workload in ("one", "two"):
        yield from _served(program, workload, prior, at)
    if program.gang:
        yield Resource(
            address=Address("world", "job", "pre"),
            attributes={"slot": "pre", "workload": "pre", "machines": [at[s].name for s in GANG]},
            needs=tuple(at[s] for s in GANG),
        )


def _served(
    program: Program, workload: str, prior: Mapping[Address, Resource], at: Mapping[str, Address]
) -> Iterator[Resource]:
    """The replicas of a workload, and what routes to them."""
    name = program.name(workload)
    made: list[Address] = []
    mine = [r for r in program.replicas if r[0] == workload and f"s{r[1]}" in at]
    for i, (_, machine, device, settings) in enumerate(mine):
        ground = at[f"s{machine}"]
        address = _address(prior, "replica", f"{i}", f"{name}-{i}", workload=name, machines=[ground.name])
        made.append(address)
        yield Resource(
            address=address,
            attributes={
                "slot": f"{i}",
                "workload": name,
                "machines": [ground.name],
                "devices": [device],
                "settings": settings,
            },
            needs=(ground,),
        )
    if made:
        yield Resource(
            address=Address("world", "endpoint", name),
            attributes={"workload": name, "replicas": {a.name: 1 for a in made}},
            needs=tuple(made),
        )


def _there(prior: Mapping[Address, Resource], kind: str, slots: tuple[str, ...]) -> list[Resource]:
    return [r for a, r in prior.items() if a.kind == kind and r.attributes.get("slot") in slots]


def _address(
    prior: Mapping[Address, Resource], kind: str, slot: str, new: str, **attributes: object
) -> Address:
    """Where this is today, the more alike the better; a new name where it is nowhere."""
    workload = attributes.get("workload")
    known = [r for r in _there(prior, kind, (slot,)) if r.attributes.get("workload") == workload]
    known.sort(key=lambda r: (sum(r.attributes.get(k) == v for k, v in attributes.items()), r.address.name))
    if known:
        return known[-1].address
    address, count = Address("world", kind, new), 0
    while address in prior:
        count += 1
        address = Address("world", kind, f"{new}{count}")
    return address


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What of a plan is taken: nothing named is all of it."""

    numbers: frozenset[int] = frozenset()
    """Of the changes that are named."""
    exclude: bool = False

    def of(self, found: Diff) -> Diff:
        """These changes, and what they must not be made without."""
        if not self.numbers or not found.changes:
            return found
        named = {found.changes[n % len(found.changes)].address for n in self.numbers}
        return replace(found, changes=(without if self.exclude else only)(found.changes, named))


WHOLE = Part()


def plan_to(program: Program, state: State, cloud: Cloud, part: Part = WHOLE) -> Plan | None:
    """The plan; None where the document is refused."""
    made = refactor(program.wishes, state.resources, _KINDS)
    if made.value is None:
        return None
    prior, renames = made.value.resources, made.value.renames
    found = cloud.refresh(prior)
    seen = {a: None if f is None else renames.found(f) for a, f in found.items()} if renames else found
    out = frozenset(name.partition("/")[2] for name in remembered(state.deployment))
    desired = wanted(program, prior, out)
    changes = diff(prior, desired, _KINDS, seen)
    if program.successors:
        sides = Compared(prior=prior, desired=desired, found=seen)
        names = {program.name(w) for w in program.successors}
        after = succession(sides, changes.changes, names, Room(pools={}))
        if after.value is None:
            return None
        desired = after.value
        changes = diff(prior, desired, _KINDS, seen)
    changes = part.of(relabelled(changes, made.value, desired, found))
    plan = make_plan(
        project="world",
        mode="apply",
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        diff=changes,
        state=replace(state, resources=prior),
        inputs=Digests(document="", offerings="", lineage=state.lineage, serial=state.serial),
        interrupted=(),
        root=".",
        settings={},
        before_usd_per_h=None,
    )
    plan = noted(plan, made.value, state.resources)
    return replace(plan, fallbacks=_fallbacks(changes.changes))


def _fallbacks(changes: tuple[Change, ...]) -> tuple[Fallback, ...]:
    """All other pools for each unit of which all machines are made anew."""
    made: dict[tuple[object, tuple[str, ...]], dict[str, Address]] = {}
    for change in changes:
        new = change.after
        if (
            new is None
            or "pool" not in new.attributes
            or change.action not in {Action.CREATE, Action.REPLACE}
        ):
            continue
        slot = str(new.attributes["slot"])
        unit = GANG if slot in GANG else (slot,)
        made.setdefault((new.attributes["pool"], unit), {})[slot] = change.address
    by_pool: dict[str, list[Unit]] = {}
    for (pool, slots), machines in made.items():
        if len(machines) == len(slots):
            share = Share(workload="w", choice="c", replicas=1)
            by_pool.setdefault(str(pool), []).append(Unit(machines=tuple(machines.values()), shares=(share,)))
    homes = sorted(by_pool)
    return tuple(
        Fallback(
            pool=home,
            region="r",
            units=tuple(by_pool[home]),
            alternatives=tuple(
                Alternative(
                    pool=pool,
                    region="r",
                    zone=pool,
                    room=9,
                    usd_per_h=1.0,
                    attributes={"pool": pool},
                    together=tuple(
                        (m, p) for m, other in enumerate(homes) if m != n for p in POOLS if p != other
                    ),
                )
                for pool in POOLS
                if pool != home
            ),
        )
        for n, home in enumerate(homes)
    )
