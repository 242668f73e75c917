"""The nouns of the workflow: a project on disk, checked, and planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcplan.apply import ApplyReport
    from dcplan.catalog.efficiency import Efficiencies
    from dcplan.catalog.live_types import LiveCatalog
    from dcplan.catalog.purchase import Quota
    from dcplan.catalog.site import ZoneSite
    from dcplan.catalog.types import Accelerator, Catalog, Model, Place
    from dcplan.config import Loaded
    from dcplan.demand.goals import Goal
    from dcplan.demand.types import Demand
    from dcplan.placement.aims import Ceiling, LeftOut
    from dcplan.placement.rank_types import RankMap
    from dcplan.placement.types import Pool, Problem, Solution
    from dcplan.plan.landed import Moved
    from dcplan.plan.refactor import Refactored
    from dcplan.plan.types import Plan
    from dcplan.provider.protocol import Provider
    from dcplan.resources import Address, ResourceGraph
    from dcplan.sharding.types import Candidate, MachineClass, Search
    from dcplan.state import Operation
    from dcplan.state.types import State, Tries
    from dcplan.topology.query import Topology
    from dcplan.workflow.placing import Placed

WORK_FOLDER = ".dcplan"
"""State, and the world of the local data centre; belongs into .gitignore."""

DATA_DIR = "DCPLAN_DATA_DIR"
"""The variable that names another folder for it."""

DEFAULT_WORKSPACE = "default"
"""The state that every project has, without asking for one."""


def work_folder_of(folder: Path, env: Mapping[str, str]) -> Path:
    """The work folder of a project's folder; ``DCPLAN_DATA_DIR`` names another."""
    return folder / (env.get(DATA_DIR) or WORK_FOLDER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """Where a document stands and what was given on the command line."""

    folder: Path
    files: tuple[Path, ...] = ()
    """Documents to read; none: ``dcplan.yaml`` and ``dcplan.d`` of the folder."""
    variables: Mapping[str, str] = field(default_factory=dict)
    var_files: tuple[Path, ...] = ()
    """Those that count without being named first: ``dcplan.workflow.inputs``."""
    later: Mapping[str, int] = field(default_factory=dict)
    """Of a name in ``variables``, how many of ``var_files`` were given before it; the others win over it.
    One that is not here was given last."""
    env: Mapping[str, str] = field(default_factory=dict)
    workspace: str = DEFAULT_WORKSPACE
    """Which of the project's states is meant."""
    lock_timeout_s: float = 0.0
    """How long to wait for a state that another has locked."""

    @property
    def work_folder(self) -> Path:
        """Where dcplan keeps what it keeps in files."""
        return work_folder_of(self.folder, self.env)

    @property
    def other_work_folder(self) -> Path | None:
        """The work folder where ``DCPLAN_DATA_DIR`` names one; else None."""
        return self.work_folder if self.env.get(DATA_DIR) else None

    @property
    def state_folder(self) -> Path:
        """Where this workspace keeps what it keeps in files."""
        work = self.work_folder
        return work if self.workspace == DEFAULT_WORKSPACE else work / "workspaces" / self.workspace

    @property
    def state_path(self) -> Path:
        """Where the state of this project lives."""
        return self.state_folder / "state.sqlite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuning:
    """How the solver is asked, where the document does not say it."""

    seed: int = 0
    timeout_s: float | None = None
    """Wall time for the solver; None: a fixed amount of work, so that equal questions have equal answers."""
    goals: tuple[Goal, ...] = ()
    """In place of the document's."""
    ceilings: tuple[Ceiling, ...] = ()
    without: frozenset[str] = frozenset()
    """``provider/pool``: nothing more is bought there, whatever the state remembers of them."""
    quick: bool = False
    """With little effort, and without an explanation where nothing fits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which changes a plan is confined to, and what is made anew besides.

    The solver sees everything all the same; only changes are left for another time.
    """

    targets: tuple[str, ...] = ()
    """Addresses or workloads: only these, and what they need."""
    excludes: tuple[str, ...] = ()
    """Addresses or workloads: all but these, and what needs them; never together with ``targets``."""
    replaces: tuple[str, ...] = ()
    """Addresses to make anew."""

    @property
    def confined(self) -> bool:
        """Whether some changes may be left out."""
        return bool(self.targets or self.excludes)


EVERYTHING = Scope()
"""All that is wanted, and nothing besides."""

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
    workspace: str = DEFAULT_WORKSPACE
    """For whom it was read."""
    live: Mapping[str, LiveCatalog] = field(default_factory=dict)
    """What clouds said when they were last asked, by provider; their offerings hold it already."""


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
    found: tuple[Candidate, ...] = ()
    """Candidates before any was priced behind the links of its seat."""
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
    placed: Placed | None = None
    """The placement by name, and what is known of racks."""
    around_sold_out: bool = False
    """Whether pools that were sold out a while ago were left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateView:
    """The state as a plan sees it."""

    state: State
    interrupted: tuple[str, ...] = ()
    """Operations that an earlier apply left open."""
    open: tuple[Operation, ...] = ()
    """The same, whole."""
    held_by: str = ""
    """Who is at work on these now, in words: then they are in flight.  Empty for nobody."""
    tries: Mapping[Address, Tries] = field(default_factory=dict)
    """How often each address was made."""
    before: State | None = None
    """The state as it is, where moves, removals and imports make ``state`` another."""
    refactored: Refactored | None = None
    """How ``state`` came of ``before``."""


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
    moved: tuple[Moved, ...] = ()
    """Machines that are in other pools than was planned, because those were sold out."""


Progress = Callable[[str], None]
"""Told what is being done, one short phrase a stage."""


def silent(_: str) -> None:
    """The progress of those who do not want to know."""
