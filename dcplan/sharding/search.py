"""The search: demand x models x machine classes to the ways in which each workload can be run."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.catalog import canonical_accelerator
from dcplan.catalog.efficiency import Efficiencies, load_efficiencies
from dcplan.demand.types import Allowed, Demand, ServeDemand, TrainDemand, WorkloadDemand
from dcplan.diag import Diagnostic, Result, did_you_mean, error, has_errors, listed
from dcplan.sharding import serve, train
from dcplan.sharding.explain import explain_serve, explain_train
from dcplan.sharding.names import known_precisions, told_apart
from dcplan.sharding.types import Candidate, Candidates, MachineClass, Search

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dcplan.catalog.types import Model
    from dcplan.sharding.enumerate import Mask

DEFAULT_PRECISIONS = ("bf16",)
"""Where the user lists none.  Fewer bits are faster but may cost quality, which is not modelled, so that
they are taken only where ``limits.precisions`` says so."""

Found = tuple[tuple[Candidate, ...], Search]


def search_all(
    demand: Demand,
    models: Mapping[str, Model],
    classes_of: Callable[[WorkloadDemand], Result[tuple[MachineClass, ...]]],
    efficiencies: Efficiencies | None = None,
) -> Result[Candidates]:
    """Candidates of all workloads of a demand; all that find none are reported at once.

    ``models`` by the name that workloads use; ``classes_of`` gives the machines
    that a workload may use, or why there are none.
    """
    table = efficiencies or load_efficiencies()
    found: list[Candidate] = []
    searches: list[Search] = []
    problems: list[Diagnostic] = []
    for workload in demand.workloads:
        classes = classes_of(workload)
        problems += classes.diagnostics
        if classes.value is None:
            continue
        result = search(workload, models[workload.model], classes.value, table)
        problems += result.diagnostics
        if result.value is not None:
            found += result.value[0]
            searches.append(result.value[1])
    if has_errors(tuple(problems)):
        return Result(None, tuple(problems))
    return Result(Candidates(candidates=tuple(found), searches=tuple(searches)), tuple(problems))


def search(
    demand: WorkloadDemand, model: Model, classes: Sequence[MachineClass], efficiencies: Efficiencies
) -> Result[Found]:
    """Candidates of one workload, cheapest in devices first, and how the search went.

    Without ``limits.precisions`` only bf16 is searched; with it, exactly those
    listed, wherever the accelerator has them.  Errors: ``unknown-precision``,
    ``context-too-short``, ``no-machines`` (no class at all), ``too-much-traffic``
    and ``no-layout`` (none keeps all bounds).
    """
    unknown = _unknown_precisions(demand.limits.precisions)
    if unknown:
        return Result(None, unknown)
    if isinstance(demand, ServeDemand) and _mean_tokens(demand) > model.max_context:
        return Result(None, (_context_too_short(demand, model),))
    if not classes:
        return Result(None, (_no_machines(demand),))
    started = time.perf_counter()
    if isinstance(demand, ServeDemand):
        result = _serve(demand, model, classes, efficiencies, started)
    else:
        result = _train(demand, model, classes, efficiencies, started)
    return result


def allowed_precisions(limit: Allowed | None) -> tuple[str, ...]:
    """The precisions to search."""
    return DEFAULT_PRECISIONS if limit is None else limit.names


def accelerator_allowed(machines: MachineClass, limit: Allowed | None) -> bool:
    """Whether the user lets this class's accelerator be used."""
    return limit is None or machines.accelerator.name in {canonical_accelerator(n) for n in limit.names}


def _serve(
    demand: ServeDemand, model: Model, classes: Sequence[MachineClass], table: Efficiencies, started: float
) -> Result[Found]:
    tally = _Tally(
        "not allowed", "not legal (heads, layers, experts)", "do not fit memory", "miss TTFT", "miss TPOT"
    )
    found: list[Candidate] = []
    for machines in classes:
        own: list[Candidate] = []
        for precision in allowed_precisions(demand.limits.precisions):
            trial = serve.try_class(demand, model, machines, precision, table)
            rows = np.full(trial.count, accelerator_allowed(machines, demand.limits.accelerators))
            tally.considered += trial.count
            tally.drop("not allowed", ~rows)
            rows = tally.keep("not legal (heads, layers, experts)", rows, trial.legal)
            rows = tally.keep("do not fit memory", rows, trial.fits)
            for metric, misses in serve.missed(trial, demand):
                rows = tally.keep(f"miss {metric.upper()}", rows, ~misses)
            tally.remain += int(rows.sum())
            own += serve.candidates_of(trial, rows, demand)
        found += _worth_having(own)
    if not found and tally.remain:
        return Result(None, (_too_much_traffic(demand),))
    if not found:
        return Result(None, (explain_serve(demand, model, classes, table, DEFAULT_PRECISIONS),))
    found.sort(key=lambda c: (c.replicas * c.devices, c.devices, c.id))
    return Result((tuple(_distinct(found)), tally.search(demand.name, len(found), started)))


def _worth_having(candidates: list[Candidate]) -> list[Candidate]:
    """Of one class, over all precisions: what no other beats in devices altogether and of one replica."""
    kept: list[Candidate] = []
    for candidate in sorted(candidates, key=lambda c: (c.replicas * c.devices, c.devices)):
        if all(candidate.devices < other.devices for other in kept):
            kept.append(candidate)
    return kept[: serve.MOST_KEPT]


def _train(
    demand: TrainDemand, model: Model, classes: Sequence[MachineClass], table: Efficiencies, started: float
) -> Result[Found]:
    tally = _Tally(
        "not allowed", "not legal (heads, layers, experts)", "do not fit memory", "miss the deadline"
    )
    found: list[Candidate] = []
    for machines in classes:
        for precision in allowed_precisions(demand.limits.precisions):
            trial = train.try_class(demand, model, machines, precision, table)
            tally.considered += trial.count
            if not accelerator_allowed(machines, demand.limits.accelerators):
                tally.counts["not allowed"] += trial.count
                continue
            fit = len(trial.duration_s)
            kept = fit if demand.deadline_s is None else int((trial.duration_s <= demand.deadline_s).sum())
            tally.counts["not legal (heads, layers, experts)"] += trial.count - trial.legal
            tally.counts["do not fit memory"] += trial.legal - fit
            tally.counts["miss the deadline"] += fit - kept
            tally.remain += kept
            found += train.candidates_of(trial, demand)
    if not found:
        return Result(None, (explain_train(demand, model, classes, table, DEFAULT_PRECISIONS),))
    found.sort(key=lambda c: (c.machines * (c.hours or 0.0), c.devices, c.id))
    return Result((tuple(_distinct(found)), tally.search(demand.name, len(found), started)))


class _Tally:
    """How many layouts fell away for which reason, in the order of the reasons."""

    def __init__(self, *reasons: str) -> None:
        self.considered = 0
        self.remain = 0
        self.counts = dict.fromkeys((*reasons, "dominated"), 0)

    def drop(self, reason: str, rows: Mask) -> None:
        """Count these rows under a reason."""
        self.counts[reason] += int(rows.sum())

    def keep(self, reason: str, rows: Mask, good: Mask) -> Mask:
        """Rows that are good; the others are counted under the reason."""
        self.drop(reason, rows & ~good)
        out: Mask = rows & good
        return out

    def search(self, workload: str, kept: int, started: float) -> Search:
        """The report; what was good but is no candidate is dominated."""
        self.counts["dominated"] = self.remain - kept
        return Search(
            workload=workload,
            considered=self.considered,
            dropped=tuple(self.counts.items()),
            remain=kept,
            wall_s=time.perf_counter() - started,
        )


def _distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Tell apart candidates of classes with the same machine but other links, by their first pool."""
    listed_already = list(candidates)
    seen: dict[str, int] = {}
    for candidate in listed_already:
        seen[candidate.id] = seen.get(candidate.id, 0) + 1
    return [
        replace_id(c, told_apart(c.id, c.pools[0])) if seen[c.id] > 1 and c.pools else c
        for c in listed_already
    ]


def replace_id(candidate: Candidate, name: str) -> Candidate:
    """The same candidate under another id."""
    return replace(candidate, id=name)


def _unknown_precisions(limit: Allowed | None) -> tuple[Diagnostic, ...]:
    """An error for each listed precision that dcplan does not know."""
    names = () if limit is None else limit.names
    return tuple(
        error(
            "unknown-precision",
            "Unknown precision",
            f'dcplan does not know the precision "{name}". {did_you_mean(name, known_precisions())} '
            f"Known are {listed(known_precisions())}.".replace("  ", " "),
            path=None if limit is None else limit.origin,
        )
        for name in names
        if name not in known_precisions()
    )


def _mean_tokens(demand: ServeDemand) -> float:
    """Tokens of a mean request when its last one is made."""
    return demand.prompt_tokens.mean + demand.output_tokens.mean


def _context_too_short(demand: ServeDemand, model: Model) -> Diagnostic:
    """Requests that the model cannot take, however large the machine."""
    return error(
        "context-too-short",
        "The model's context is too short",
        f'A mean request of "{demand.name}" has {_mean_tokens(demand):,.0f} tokens, prompt and output '
        f"together; {demand.model} takes {model.max_context:,}. Shorten the requests, name a model with a "
        "longer context, or give its max_context under `models` if it was extended.",
        path=(*demand.origin, "traffic"),
    )


def _too_much_traffic(demand: ServeDemand) -> Diagnostic:
    """More replicas than can be counted."""
    return error(
        "too-much-traffic",
        "There is too much traffic",
        f'"{demand.name}" would need more than {serve.MOST_REPLICAS:,} replicas for '
        f"{demand.requests_per_s:g} requests/s, which no fleet has. Check the unit of the rate, and `scale`.",
        path=(*demand.origin, "traffic"),
    )


def _no_machines(demand: WorkloadDemand) -> Diagnostic:
    """No class at all."""
    return error(
        "no-machines",
        "No machines to choose from",
        f'There is no pool of accelerator machines that "{demand.name}" may use. Add a provider or a pool, '
        "or allow more providers, regions or zones.",
        path=demand.origin,
    )
