"""Pipelines that serve: how long a token may be under way, and what then fits.

A request keeps its place in the caches of every machine that it passes for as
long as its tokens go round, so that a machine with room for R requests lets no
more than R tokens through in each cycle: shorter cycles need less memory, and
smaller batches.  For one length of the cycle this is a plain layer placement
with that length as its cap; the lengths are tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dcplan.diag import Result
from dcplan.placement.layers.solve import better_than, place_layers
from dcplan.placement.layers.types import Holding, Kind, LayerPlan, LayerProblem
from dcplan.sharding.stages import StageMachine

COARSE, FINE = 1.5, 1.1
"""Ratios of lengths of the cycle that are tried, first and near the best."""

LONGEST = 2.0
"""Cycles without a cap are tried up to this many times the one of all layers on the slowest kind."""

GAP = 1e-3
"""Of each length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CyclePlan:
    """The best pipeline of all lengths of the cycle that were tried."""

    plan: LayerPlan
    cycle_s: float
    """For which the caches are sized; the plan's latency is at most this."""
    bound_tokens_per_s: float
    """No pipeline of stages at the working points and lengths that were tried carries more."""
    tried: int
    """Lengths of the cycle."""

    @property
    def requests(self) -> int:
        """Requests that are answered at a time: ``tokens_per_s x latency_s``."""
        return int(self.plan.tokens_per_s * self.plan.latency_s)


def place_in_cycles(
    layers: int,
    machines: Sequence[StageMachine],
    *,
    latency_cap_s: float | None = None,
    most_stages: int | None = None,
) -> Result[CyclePlan]:
    """The pipeline that carries most tokens, each token within the cap.

    Errors: those of ``place_layers``, of the longest cycle.
    """
    search = _Search(layers, tuple(machines), latency_cap_s, most_stages)
    for length in _lengths(layers, machines, latency_cap_s):
        search.ask(length)
    if search.best is None:
        longest = search.problem(max(search.seen))
        # Where nobody set a cap, the length of the cycle is ours, and not what is to be loosened.
        own = place_layers(replace(longest, latency_cap_s=latency_cap_s)).diagnostics
        return Result(None, own or place_layers(longest).diagnostics)
    for step in (-3, -2, -1, 1, 2, 3):
        length = search.best_length * FINE**step
        if latency_cap_s is None or length <= latency_cap_s:
            search.ask(length)
    bound = max(search.bounds)
    return Result(
        CyclePlan(
            plan=search.best, cycle_s=search.best_length, bound_tokens_per_s=bound, tried=len(search.seen)
        )
    )


def _lengths(layers: int, machines: Sequence[StageMachine], cap: float | None) -> list[float]:
    """Lengths of the cycle to try, the longest first."""
    each = [max(point.pass_s / point.layers for point in one.points) for one in machines]
    least = [min(point.pass_s / point.layers for point in one.points) for one in machines]
    longest = cap if cap is not None else LONGEST * layers * max(each)
    shortest = min(layers * min(least), longest)
    lengths = [longest]
    while lengths[-1] > shortest:
        lengths.append(lengths[-1] / COARSE)
    return lengths


class _Search:
    """The best so far, and a bound for each length that was asked for."""

    def __init__(
        self, layers: int, machines: tuple[StageMachine, ...], cap: float | None, most_stages: int | None
    ) -> None:
        self.layers, self.machines, self.cap, self.most_stages = layers, machines, cap, most_stages
        self.best: LayerPlan | None = None
        self.best_length = 0.0
        self.bounds: list[float] = []
        self.seen: list[float] = []

    def problem(self, length: float) -> LayerProblem:
        """The layer placement for one length of the cycle."""
        return LayerProblem(
            layers=self.layers,
            kinds=tuple(_kind(one, length) for one in self.machines),
            latency_cap_s=length,
            once_s=max(one.head_s for one in self.machines),
            most_stages=self.most_stages,
            gap=GAP,
            deterministic_limit=3.0,
        )

    def ask(self, length: float) -> None:
        """Look for a better pipeline in cycles of one length."""
        self.seen.append(length)
        best = 0.0 if self.best is None else self.best.tokens_per_s
        found, bound = better_than(self.problem(length), best)
        self.bounds.append(max(bound, best))
        if found is not None:
            self.best, self.best_length = found, length


def _kind(one: StageMachine, length: float) -> Kind:
    """The working points of a machine in cycles of this length, without those that another one beats."""
    kept: list[Holding] = []
    for point in sorted(one.points, key=lambda p: (p.layers, p.pass_s, -p.tokens_per_s)):
        rate = min(point.tokens_per_s, one.room[point.layers - 1] / length)
        before = kept[-1] if kept and kept[-1].layers == point.layers else None
        if point.pass_s <= length and (before is None or rate > before.tokens_per_s * (1 + GAP)):
            kept.append(Holding(layers=point.layers, tokens_per_s=rate, pass_s=point.pass_s))
    return Kind(name=one.name, machines=one.machines, holdings=tuple(kept))
