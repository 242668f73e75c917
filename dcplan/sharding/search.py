"""The search: demand x models x machine classes to the ways in which each workload can be run."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.catalog import canonical_accelerator
from dcplan.catalog.asked import asked_of_encoder, training_precisions
from dcplan.catalog.efficiency import Efficiencies, load_efficiencies
from dcplan.demand.types import Allowed, Demand, Disaggregated, ServeDemand, TrainDemand, WorkloadDemand
from dcplan.diag import Diagnostic, Diagnostics, Result, Severity, error, has_errors
from dcplan.sharding import serve, serve_units, train
from dcplan.sharding.explain import explain_serve, explain_train
from dcplan.sharding.names import told_apart
from dcplan.sharding.options import MOST_REPLICAS, Option, best_candidates
from dcplan.sharding.split_checks import apart_at_all
from dcplan.sharding.tally import NO_ROOM, NOT_LEGAL, SERVING_REASONS, Tally, fitting, sifted
from dcplan.sharding.trials import try_classes
from dcplan.sharding.types import Candidate, Candidates, MachineClass, Search, Within
from dcplan.sharding.ways import Ways, unknown_precisions, ways_of
from dcplan.sharding.why_no_units import explain_units

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from dcplan.catalog.types import Model
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.trials import ServeTrial

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
        problems += _weighed(classes.diagnostics, workload)
        if classes.value is None:
            continue
        result = search(workload, models[workload.model], classes.value, table, models)
        problems += _weighed(result.diagnostics, workload)
        if result.value is not None:
            found += result.value[0]
            searches.append(result.value[1])
    if has_errors(tuple(problems)):
        return Result(None, tuple(problems))
    return Result(Candidates(candidates=tuple(found), searches=tuple(searches)), tuple(problems))


def _weighed(said: Diagnostics, workload: WorkloadDemand) -> Diagnostics:
    """Nothing stops because of a workload that need not run: it is left out, and the reason is told."""
    if workload.required:
        return said
    return tuple(replace(d, severity=Severity.WARNING) for d in said)


def search(
    demand: WorkloadDemand,
    model: Model,
    classes: Sequence[MachineClass],
    efficiencies: Efficiencies,
    models: Mapping[str, Model] | None = None,
) -> Result[Found]:
    """Candidates of one workload, cheapest in devices first, and how the search went.

    Without ``limits.precisions`` and a quality floor only bf16 is searched;
    with one of them, what it allows, wherever the hardware and the engine have
    it.  ``models`` holds those of variants and drafts by name.  Errors:
    ``unknown-precision``, ``untrained-precision``, ``floor-unreachable``,
    ``generates-nothing``, ``another-kind``, ``context-too-short``,
    ``no-machines`` (no class at all), ``engine-unsupported``,
    ``not-disaggregated``, ``too-much-traffic`` and ``no-layout`` (none keeps
    all bounds).
    """
    unknown = unknown_precisions(demand.limits.precisions)
    asked = asked_of_encoder(demand, model, models) if isinstance(demand, ServeDemand) else ()
    if unknown or asked:
        return Result(None, (*unknown, *asked))
    if isinstance(demand, ServeDemand) and _mean_tokens(demand, model) > model.max_context:
        return Result(None, (_context_too_short(demand, model),))
    if not classes:
        return Result(None, (_no_machines(demand),))
    started = time.perf_counter()
    if isinstance(demand, TrainDemand):
        return _train(demand, model, classes, efficiencies, started)
    wrong = apart_at_all(demand, classes)
    ways = ways_of(demand, model, models or {})
    if ways.value is None or wrong:
        return Result(None, (*wrong, *ways.diagnostics))
    return _serve(demand, ways.value, classes, efficiencies, started)


def accelerator_allowed(machines: MachineClass, limit: Allowed | None) -> bool:
    """Whether the user lets this class's accelerator be used; whoever allows a GPU allows its parts."""
    if limit is None:
        return True
    names = {canonical_accelerator(n) for n in limit.names}
    return machines.accelerator.name in names or machines.accelerator.chip in names


def _serve(
    demand: ServeDemand, ways: Ways, classes: Sequence[MachineClass], table: Efficiencies, started: float
) -> Result[Found]:
    tally = Tally("not allowed", *SERVING_REASONS)
    trials = try_classes(demand, [(one, way) for one in classes for way in ways.allowed], table)
    fit = []
    for trial in trials:
        rows = np.full(trial.count, accelerator_allowed(trial.machines, demand.limits.accelerators))
        tally.considered += trial.count
        tally.drop("not allowed", ~rows)
        fit.append(fitting(tally, trial, rows))
    options = _options(demand, trials, fit, tally)
    found = best_candidates(options, demand)
    if not found and options:
        return Result(None, (_too_much_traffic(demand),))
    if not found and demand.disaggregated is Disaggregated.ALWAYS and any(rows.any() for rows in fit):
        return Result(None, (explain_units(demand, trials, fit),))
    if not found:
        return Result(None, (explain_serve(demand, ways, classes, table),))
    found.sort(key=lambda c: (c.replicas * c.all_devices, c.all_devices, c.id))
    report = tally.search(demand.name, len(found), started)
    floor = None if demand.floor is None else demand.floor.kept
    report = replace(report, floor=floor, ruled_out=ways.ruled_out)
    return Result((tuple(_distinct(found)), report))


def _options(
    demand: ServeDemand, trials: Sequence[ServeTrial], fit: Sequence[Mask], tally: Tally
) -> list[Option]:
    """Replicas that do everything, units of prefill and decode workers, or both, as the workload says."""
    options: list[Option] = []
    if demand.disaggregated is Disaggregated.ALWAYS:
        tally.remain += sum(int(rows.sum()) for rows in fit)
    else:
        kept = [sifted(tally, trial, rows, demand) for trial, rows in zip(trials, fit, strict=True)]
        options += serve.options_of(trials, kept, demand)
    if demand.disaggregated is not Disaggregated.NEVER:
        options += serve_units.options_of(trials, fit, demand, tally)
    return options


def _train(
    demand: TrainDemand, model: Model, classes: Sequence[MachineClass], table: Efficiencies, started: float
) -> Result[Found]:
    precisions = training_precisions(demand)
    if precisions.value is None:
        return Result(None, precisions.diagnostics)
    tally = Tally("not allowed", NOT_LEGAL, NO_ROOM, "miss the deadline")
    found: list[Candidate] = []
    for machines in classes:
        trials: list[train.TrainTrial] = []
        for precision in precisions.value:
            trial = train.try_class(demand, model, machines, precision, table)
            tally.considered += trial.count
            if not accelerator_allowed(machines, demand.limits.accelerators):
                tally.counts["not allowed"] += trial.count
                continue
            tally.counts[NOT_LEGAL] += trial.count - trial.legal
            tally.counts[NO_ROOM] += trial.legal - trial.fit
            tally.counts["miss the deadline"] += trial.late
            tally.remain += trial.fit - trial.late
            trials.append(trial)
        found += train.candidates_of(trials, demand)
    if not found:
        return Result(None, (explain_train(demand, model, classes, table),))
    found.sort(key=lambda c: (c.machines * (c.hours or 0.0), c.devices, c.id))
    return Result((tuple(_distinct(found)), tally.search(demand.name, len(found), started)))


def _distinct(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Tell apart candidates of classes with the same machine but other links, by their first pool.

    One machine is as near to itself in a pool as in a rack, so that of the rack is left out; and what lies
    between machines is nothing to replicas of one, which are alike in all pools.
    """
    listed_already = _joined(c for c in candidates if c.machines > 1 or c.within is Within.POOL)
    seen: dict[str, int] = {}
    for candidate in listed_already:
        seen[candidate.id] = seen.get(candidate.id, 0) + 1
    return [
        replace_id(c, told_apart(c.id, "+".join(_first_pools(c)))) if seen[c.id] > 1 and c.pools else c
        for c in listed_already
    ]


def _joined(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Candidates of one machine that differ in nothing but their pools, as one."""
    kept: list[Candidate] = []
    places: dict[str, list[int]] = {}
    for candidate in candidates:
        alike = places.setdefault(candidate.id, [])
        for place in alike if candidate.machines <= 1 and candidate.beside is None else ():
            if replace(kept[place], pools=()) == replace(candidate, pools=()):
                kept[place] = replace(kept[place], pools=(*kept[place].pools, *candidate.pools))
                break
        else:
            alike.append(len(kept))
            kept.append(candidate)
    return kept


def _first_pools(candidate: Candidate) -> tuple[str, ...]:
    """The first pool of each type of machine, and whether its racks are meant."""
    near = () if candidate.within is Within.POOL else (candidate.within.value,)
    return (candidate.pools[0], *(candidate.beside.pools[:1] if candidate.beside else ()), *near)


def replace_id(candidate: Candidate, name: str) -> Candidate:
    """The same candidate under another id."""
    return replace(candidate, id=name)


def _mean_tokens(demand: ServeDemand, model: Model) -> float:
    """Tokens of a mean request when its last one is made; an encoder makes none."""
    return demand.prompt_tokens.mean + (demand.output_tokens.mean if model.causal else 0.0)


def _context_too_short(demand: ServeDemand, model: Model) -> Diagnostic:
    """Requests that the model cannot take, however large the machine."""
    return error(
        "context-too-short",
        "The model's context is too short",
        f'A mean request of "{demand.name}" has {_mean_tokens(demand, model):,.0f} tokens, prompt '
        f"and output together; {demand.model} takes {model.max_context:,}. Shorten the requests, name a "
        "model with a longer context, or give its max_context under `models` if it was extended.",
        path=(*demand.origin, "traffic"),
    )


def _too_much_traffic(demand: ServeDemand) -> Diagnostic:
    """More replicas than can be counted."""
    return error(
        "too-much-traffic",
        "There is too much traffic",
        f'"{demand.name}" would need more than {MOST_REPLICAS:,} replicas for '
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
