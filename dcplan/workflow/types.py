"""The nouns of the workflow: a project on disk, checked, and planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcplan.apply import ApplyReport
    from dcplan.catalog.efficiency import Efficiencies
    from dcplan.catalog.purchase import Quota
    from dcplan.catalog.site import ZoneSite
    from dcplan.catalog.types import Accelerator, Catalog, Model, Place
    from dcplan.config import Loaded
    from dcplan.demand.goals import Goal
    from dcplan.demand.types import Demand
    from dcplan.placement.aims import Ceiling, LeftOut
    from dcplan.placement.rank_types import RankMap
    from dcplan.placement.types import Pool, Problem, Solution
    from dcplan.plan.types import Plan
    from dcplan.provider.protocol import Provider
    from dcplan.resources import ResourceGraph
    from dcplan.sharding.types import Candidate, MachineClass, Search
    from dcplan.state.types import State
    from dcplan.topology.query import Topology

WORK_FOLDER = ".dcplan"
"""State, and the world of the local data centre; belongs into .gitignore."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Where a document stands and what was given on the command line."""

    folder: Path
    files: tuple[Path, ...] = ()
    """Documents to read; none: ``dcplan.yaml`` and ``dcplan.d`` of the folder."""
    variables: Mapping[str, str] = field(default_factory=dict)
    var_files: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)

    @property
    def state_path(self) -> Path:
        """Where the state of this project lives."""
        return self.folder / WORK_FOLDER / "state.sqlite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How the solver is asked, where the document does not say it."""

    seed: int = 0
    timeout_s: float | None = None
    """Wall time for the solver; None: a fixed amount of work, so that equal questions have equal answers."""
    goals: tuple[Goal, ...] = ()
    """In place of the document's."""
    ceilings: tuple[Ceiling, ...] = ()


AS_ALWAYS = Tuning()
"""The document's goals, and nothing asked besides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A document that holds together."""

    loaded: Loaded
    models: Mapping[str, Model]
    accelerators: Mapping[str, Accelerator]
    demand: Demand
    providers: Mapping[str, Provider]
    efficiencies: Efficiencies | None = None
    """Figures with those of the document's profiles among them; None: those that ship with dcplan."""
    places: Mapping[str, Place] = field(default_factory=dict)
    """What the document tells of regions, by ``provider:region``."""
    round_trips: Mapping[frozenset[str], float] = field(default_factory=dict)
    """What the document tells of round trips, seconds, by both ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """What is on offer, and how it is wired."""

    catalog: Catalog
    topology: Topology
    digest: str
    """sha256 of machines, prices and availability."""
    free: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Machines that nobody holds, by pool and rack (``zone/block/rack``), where racks are known."""
    sites: tuple[ZoneSite, ...] = ()
    quotas: tuple[Quota, ...] = ()
    """Of accounts, as their providers or the document tell."""
    at_s: float = 0.0
    """When it was gathered, Unix time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What was decided, with everything it was decided from."""

    candidates: tuple[Candidate, ...]
    searches: tuple[Search, ...]
    classes: Mapping[str, tuple[MachineClass, ...]]
    """The kinds of machines that each workload may use."""
    pools: Mapping[str, Pool]
    problem: Problem
    solution: Solution
    graph: ResourceGraph
    left_out: tuple[LeftOut, ...] = ()
    """What need not run, and does not fit."""
    ranks: tuple[RankMap, ...] = ()
    """Where the ranks of jobs are, as far as racks are known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateView:
    """The state as a plan sees it."""

    state: State
    interrupted: tuple[str, ...] = ()
    """Operations that an earlier apply left open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan and the values it was made from."""

    plan: Plan
    checked: Checked
    state: State
    decided: Decided | None = None
    """None for a destroy, which decides nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What an apply did."""

    plan: Plan
    report: ApplyReport
    recovered: int
    """Operations of an earlier apply that were brought to their end first."""
    already_made: int = 0
    """Changes of the plan that an earlier apply of it had made."""


Progress = Callable[[str], None]
"""Told what is being done, one short phrase a stage."""


def silent(_: str) -> None:
    """The progress of those who do not want to know."""
