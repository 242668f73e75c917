"""What cannot be, whatever is chosen: pins against each other and against what there is, goals of nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Diagnostics, did_you_mean, error, listed, plural, warning
from dcplan.placement.aims import Measure
from dcplan.placement.laws.pins import is_at
from dcplan.placement.laws.weighable import minimised_at, unknown_carbon

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.placement.aims import PinRule
    from dcplan.placement.types import Choice, Problem, Workload

SHOWN = 6
"""Names in one sentence."""


def contradictions(problem: Problem) -> Diagnostics:
    """One error for each pin that cannot hold, and for carbon of which nothing is known."""
    found: list[Diagnostic] = []
    pinned = {w.name for w in problem.workloads if w.pins or w.stay is not None}
    choices_of: dict[str, list[Choice]] = {name: [] for name in pinned}
    for choice in problem.choices:
        if choice.workload in pinned:
            choices_of[choice.workload].append(choice)
    for workload in problem.workloads:
        if workload.name not in pinned:
            continue
        choices = choices_of[workload.name]
        wrong = [d for pin in workload.pins for d in _place(problem, workload, pin, choices)]
        found += wrong or _too_many(workload, choices)
        found += _gone(problem, workload, choices)
    found += _unprovable(problem)
    if minimised_at(problem, Measure.CARBON) is not None and problem.pools:
        unknown = unknown_carbon(problem)
        if len(unknown) == len(problem.pools):
            found.append(
                error(
                    "carbon-unknown",
                    "Carbon cannot be minimised",
                    "How much is emitted is not known of any pool: it needs the power of a machine, the PUE "
                    "of its site and the intensity of its grid. Give them under `regions` or in the "
                    "inventory, or minimise something else.",
                    path=minimised_at(problem, Measure.CARBON) or None,
                )
            )
    return tuple(found)


def _unprovable(problem: Problem) -> Iterator[Diagnostic]:
    """A budget beside something that is paid for anyway at a price that nobody knows: unknown is not zero."""
    lost = [paid.name for paid in problem.paid if paid.now and paid.usd_per_h is None]
    if problem.budget is None or not lost:
        return
    more = f" and {len(lost) - SHOWN:,} more" if len(lost) > SHOWN else ""
    detail = (
        f"What {listed(lost[:SHOWN])}{more} costs is not known, and it is paid for whether it is used or "
        "not, so that nobody can say what is left of the budget. Give `usd_per_h` where it stands under the "
        "provider's `reservations` or `commitments`, or take the budget out."
    )
    yield error("budget-unprovable", "The budget cannot be kept to", detail, path=problem.budget.origin)


def unweighed(problem: Problem) -> Diagnostics:
    """Warnings of goals that have no subject, and of pools that a goal keeps out as not known."""
    found: list[Diagnostic] = []
    for measure, known, what in (
        (Measure.TIME, any(c.time_s is not None for c in problem.choices), "no workload is a training job"),
        (Measure.LATENCY, any(c.sla_share is not None for c in problem.choices), "no workload has an SLA"),
    ):
        origin = minimised_at(problem, measure)
        if origin is not None and not known:
            detail = f'"{measure.value}" changes nothing, because {what}. Take it out.'
            found.append(
                warning("goal-without-subject", "A goal has no subject", detail, path=origin or None)
            )
    origin = minimised_at(problem, Measure.CARBON)
    unknown = unknown_carbon(problem) if origin is not None else []
    if unknown:
        names = [pool.id for pool in unknown[:SHOWN]]
        more = f" and {len(unknown) - SHOWN:,} more" if len(unknown) > SHOWN else ""
        found.append(
            warning(
                "carbon-unknown",
                "Pools are left out whose carbon is not known",
                f"Nothing is placed in {listed(names)}{more}: what is not known cannot be minimised. Give "
                "the power of the machine, the PUE and the intensity of the grid under `regions` or in the "
                "inventory.",
                path=origin or None,
            )
        )
    return tuple(found)


def _place(problem: Problem, workload: Workload, pin: PinRule, choices: list[Choice]) -> Iterator[Diagnostic]:
    """A pin to a place that does not exist, or where the workload may not run."""
    there = {pool.id for pool in problem.pools if is_at(pin, pool)}
    if not there:
        known = sorted({{"pool": p.id, "zone": p.zone, "region": p.region}[pin.kind] for p in problem.pools})
        hint = did_you_mean(pin.place, known) or f"There are: {listed(known[:SHOWN])}."
        detail = (
            f'"{workload.name}" is pinned to the {pin.kind} "{pin.place}", where nothing is on offer. {hint}'
        )
        yield error("pin-unknown", "A pin leads nowhere", detail, path=pin.origin)
    elif choices and not any(there & set(c.pools) for c in choices):
        detail = (
            f'"{workload.name}" is pinned to the {pin.kind} "{pin.place}", and none of its layouts may run '
            "there: its constraints leave this place out, or no machine there fits. Loosen them, or take the "
            "pin out."
        )
        yield error("pin-excluded", "A pin contradicts a constraint", detail, path=pin.origin)


def _too_many(workload: Workload, choices: list[Choice]) -> Iterator[Diagnostic]:
    """Pins that together want more replicas than any layout has."""
    for kind in ("pool", "zone", "region"):
        pins = [pin for pin in workload.pins if pin.kind == kind]
        if not pins or not choices or workload.fleet is not None:
            continue
        if any(_wanted(pins, c.most) <= c.most for c in choices):
            continue
        every = sorted({pin.place for pin in pins if pin.replicas is None})
        if len(every) > 1:
            detail = (
                f'"{workload.name}" is pinned to the {kind}s {listed(every[:SHOWN])}, and each of these pins '
                "asks for all replicas. Say with `replicas` how many each place gets, or keep one of them."
            )
            yield error(
                "pin-too-many", "Pins ask for all replicas in several places", detail, path=pins[-1].origin
            )
            continue
        most = max(c.most for c in choices)
        detail = (
            f'The pins of "{workload.name}" to {kind}s want {plural(_wanted(pins, most), "replica")}, '
            f"and its largest layout has {plural(most, 'replica')}. Pin fewer."
        )
        yield error("pin-too-many", "Pins want more replicas than there are", detail, path=pins[-1].origin)


def _wanted(pins: list[PinRule], replicas: int) -> int:
    """Replicas that pins to places of one kind want of a choice with so many."""
    places: dict[str, int] = {}
    for pin in pins:
        need = replicas if pin.replicas is None else pin.replicas
        places[pin.place] = max(places.get(pin.place, 0), need)
    return sum(places.values())


def _gone(problem: Problem, workload: Workload, choices: list[Choice]) -> Iterator[Diagnostic]:
    """Pinned to where it runs today, in a way that is none of its layouts any more."""
    if workload.stay is None:
        return
    today = sorted({a.choice for a in problem.current if a.workload == workload.name})
    if today and choices and not {c.id for c in choices} & set(today):
        detail = (
            f'"{workload.name}" runs as {listed(today[:SHOWN])} today, which is none of its layouts any '
            "more, so that it cannot stay. Take `pin: current` out, or undo what changed its layouts."
        )
        yield error("pin-gone", "What is pinned cannot go on as it runs", detail, path=workload.stay)
