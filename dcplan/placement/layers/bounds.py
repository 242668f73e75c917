"""Bounds on what any layer placement carries, from rates alone."""

from __future__ import annotations

from collections.abc import Sequence

from dcplan.placement.layers.types import Kind, LayerProblem

ROUNDS = 200
"""Halvings of an interval: more than a float has digits.  Numerical guard."""


def slots_of(kind: Kind, tokens_per_s: float) -> float:
    """Layers that one machine can carry ``tokens_per_s`` through, in parts: ``max n min(rate(n) / Z, 1)``.

    A machine with n layers gives each of them ``min(rate(n), Z)`` of the Z
    tokens/s that must pass, for more than Z never arrive.
    """
    return max((h.layers * min(h.tokens_per_s / tokens_per_s, 1.0) for h in kind.holdings), default=0.0)


def any_bound(problem: LayerProblem) -> float:
    """No placement carries more, be it in stages or not: the largest Z with ``sum N slots(Z) >= layers``.

    Every layer must carry Z tokens/s, a machine gives no more than ``Z
    slots_of(Z)`` over all its layers, and ``slots_of`` falls with Z.  0 where
    all machines together cannot hold the layers.
    """
    most = sum(
        kind.machines * max((h.layers * h.tokens_per_s for h in kind.holdings), default=0.0)
        for kind in problem.kinds
    )
    low, high = 0.0, most / problem.layers
    if high <= 0 or _slots(problem.kinds, high) >= problem.layers:
        return high
    for _ in range(ROUNDS):
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if _slots(problem.kinds, middle) >= problem.layers:
            low = middle
        else:
            high = middle
    return high if low > 0 else 0.0


def _slots(kinds: Sequence[Kind], tokens_per_s: float) -> float:
    return sum(kind.machines * slots_of(kind, tokens_per_s) for kind in kinds)
