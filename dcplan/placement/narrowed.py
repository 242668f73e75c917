"""Which lines of the document left out what would end a conflict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.diag import Related, listed, plural
from dcplan.placement.conflicts import built, effort_of
from dcplan.placement.cpsat import run
from dcplan.placement.place_types import Narrowing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dcplan.demand.types import Limits
    from dcplan.diag import ConfigPath
    from dcplan.placement.conflicts import Conflict
    from dcplan.placement.types import Choice, Pool, Problem, Workload

PLACES = ("providers", "regions", "zones", "purchase")
"""Lines that leave out pools in which the same layouts would hold."""

RESOURCES = frozenset(
    {"pool-capacity", "budget", "carbon", "power", "site-power", "quota", "commitment", "rack-room"}
)
"""Laws that other machines, or fewer of them, may satisfy."""

MOST_LINES = 8
"""Lines that are tried alone: each is a run of the solver."""

SHOWN = 4
"""Names in one sentence."""


def narrowings(limits: Limits) -> tuple[Narrowing, ...]:
    """The lines of one workload that allow some names only."""
    named = (
        *(("providers", limits.providers), ("regions", limits.regions), ("zones", limits.zones)),
        *(("purchase", limits.purchase), ("accelerators", limits.accelerators)),
        ("precisions", limits.precisions),
    )
    return tuple(
        Narrowing(key=key, names=allowed.names, origin=allowed.origin)
        for key, allowed in named
        if allowed is not None
    )


def narrowed_by(problem: Problem, conflict: Conflict) -> tuple[Related, ...]:
    """The lines that narrowed the pools of the conflict's workloads, where loosening them would help.

    A line about places is named when the model was solved without it and the conflict was gone.  What other
    accelerators and precisions would need is not known here: such a line is named where machines or money
    are short, with no promise.
    """
    names = {rule.label for rule in conflict.rules if rule.law == "demand"}
    lines: dict[ConfigPath, _Line] = {}
    for workload in problem.workloads:
        for told in workload.narrowed if f"demand[{workload.name}]" in names else ():
            lines.setdefault(told.origin, _Line(told, [])).workloads.append(workload)
    found = _places(problem, conflict, [line for line in lines.values() if line.told.key in PLACES])
    if any(rule.law in RESOURCES for rule in conflict.rules):
        found += _ways(problem, lines.values())
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line, which may be the project's, and the workloads of the conflict that it narrows."""

    told: Narrowing
    workloads: list[Workload]

    def only(self) -> str:
        """What it allows, as the head of a sentence."""
        names = _some(f'"{w.name}"' for w in self.workloads)
        return f"Only {_some(self.told.names)} may be used for {names}"


def _places(problem: Problem, conflict: Conflict, lines: list[_Line]) -> list[Related]:
    """Lines about places: each that alone is to blame, or else all that are together."""
    found = []
    for line in lines[:MOST_LINES]:
        more = _left_out_by(problem, [line])
        if _ends(problem, conflict, more):
            ids = sorted({pool.id for pools in more.values() for pool in pools})
            note = (
                f"{line.only()}. With {plural(len(ids), 'more pool')} that this line leaves out "
                f"({_some(ids)}), this conflict would be gone."
            )
            found.append(Related(note=note, path=line.told.origin))
    if found or len(lines) < 2:  # noqa: PLR2004 - one line has been tried already
        return found
    if not _ends(problem, conflict, _left_out_by(problem, lines)):
        return []
    keys = listed(sorted({f"`{line.told.key}`" for line in lines}))
    note = "{}. Without all lines of {} that are named here, this conflict would be gone."
    return [Related(note=note.format(line.only(), keys), path=line.told.origin) for line in lines]


def _left_out_by(problem: Problem, lines: list[_Line]) -> dict[str, list[Pool]]:
    """By workload, the pools that it could use but for these lines, of those whose layouts are known."""
    origins = {line.told.origin for line in lines}
    workloads = {w.name: w for line in lines for w in line.workloads}
    found = {name: _kept_out(problem, workload, origins) for name, workload in workloads.items()}
    return {name: pools for name, pools in found.items() if pools}


def _kept_out(problem: Problem, workload: Workload, origins: set[ConfigPath]) -> list[Pool]:
    """The pools that only the lines at ``origins`` keep a workload out of."""
    mine = {pool for c in problem.choices if c.workload == workload.name for pool in _pools_of(c)}
    machines = {pool.machine for pool in problem.pools if pool.id in mine}
    on_spot = workload.spot is not None and workload.spot.share > 0
    return [
        pool
        for pool in problem.pools
        if pool.id not in mine
        and pool.machine in machines
        and pool.id not in workload.unpriced
        and (on_spot or not pool.spot)
        and pool.purchase != "queued"
        and all(_allows(line, pool) for line in workload.narrowed if line.origin not in origins)
        and not all(_allows(line, pool) for line in workload.narrowed)
    ]


def _allows(line: Narrowing, pool: Pool) -> bool:
    """Whether a line lets a workload use a pool; precisions say nothing about pools."""
    name = {
        "providers": pool.provider,
        "regions": pool.region,
        "zones": pool.zone,
        "purchase": pool.purchase,
        "accelerators": pool.accelerator,
    }.get(line.key)
    return name is None or name in line.names


def _pools_of(choice: Choice) -> tuple[str, ...]:
    return choice.pools if choice.beside is None else (*choice.pools, *choice.beside.pools)


def _ends(problem: Problem, conflict: Conflict, more: Mapping[str, list[Pool]]) -> bool:
    """Whether a placement was found that has these pools too, whatever other conflicts forbid."""
    if not more:
        return False
    machine = {pool.id: pool.machine for pool in problem.pools}

    def wider(pools: tuple[str, ...], workload: str) -> tuple[str, ...]:
        kinds = {machine[pool] for pool in pools if pool in machine}
        return (*pools, *(pool.id for pool in more[workload] if pool.machine in kinds))

    def loosened(c: Choice) -> Choice:
        if c.workload not in more:
            return c
        beside = c.beside and replace(c.beside, pools=wider(c.beside.pools, c.workload))
        return replace(c, pools=wider(c.pools, c.workload), beside=beside)

    b = built(replace(problem, choices=tuple(loosened(c) for c in problem.choices)))
    fixed = {var: int(rule.label not in conflict.elsewhere) for var, rule in b.rules.items()}
    return run(b.model, effort_of(problem), fixed=fixed).found


def _ways(problem: Problem, lines: Iterable[_Line]) -> list[Related]:
    """Lines about chips and formats that were not tried."""
    found = []
    for line in lines:
        others = ""
        if line.told.key == "accelerators":
            chips = sorted({pool.accelerator for pool in problem.pools if not _allows(line.told, pool)})
            others = f"what is on offer of {_some(chips)}" if chips else ""
        elif line.told.key == "precisions":
            others = "other precisions"
        if others:
            were = "was" if others.startswith("what") else "were"
            found.append(Related(note=f"{line.only()}; {others} {were} not tried.", path=line.told.origin))
    return found


def _some(names: Iterable[str]) -> str:
    """The names, of many only the first."""
    every = list(names)
    if len(every) <= SHOWN:
        return listed(every)
    return listed([*every[:SHOWN], f"{len(every) - SHOWN:,} more"])
