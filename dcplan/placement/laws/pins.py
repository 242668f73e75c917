"""Replicas that are pinned to a place, or to where they are today."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import plural
from dcplan.placement.model import Rule
from dcplan.placement.moving import going

if TYPE_CHECKING:
    from dcplan.placement.aims import PinRule
    from dcplan.placement.model import Builder
    from dcplan.placement.types import Pool, Workload


def pins(b: Builder) -> None:
    r"""At least so many replicas of a workload are in a pool, zone or region; without a number, all.

        sum over p of the place of  n[c, p]   >=   replicas * take[c]      for each choice c of w
        sum over all other p of  n[c, p]      <=   0                       without a number

    In a mixed fleet the first sum is over all choices of w together, where w runs.
    Label: ``pin[w, place]``.  A choice with fewer replicas cannot be taken.
    """
    for w in b.problem.workloads:
        for pin in w.pins:
            much = "all replicas" if pin.replicas is None else plural(pin.replicas, "replica")
            rule = Rule(
                law="pin",
                label=f"pin[{w.name}, {pin.place}]",
                says=f'{much} of "{w.name}" are pinned to {pin.kind} {pin.place}',
                origins=(pin.origin,),
            )
            if pin.replicas is not None and w.name in b.mixing:
                _some_of_fleet(b, w, pin, pin.replicas, rule)
                continue
            for c in b.choices_of[w.name]:
                if pin.replicas is None:
                    away = b.placed(c, lambda p, pin=pin: not is_at(pin, p))  # type: ignore[misc]
                    b.require(away, rule, at_most=0)
                else:
                    here = b.placed(c, lambda p, pin=pin: is_at(pin, p))  # type: ignore[misc]
                    b.require([*here, (-pin.replicas, b.take[c.id])], rule, at_least=0)


def _some_of_fleet(b: Builder, w: Workload, pin: PinRule, replicas: int, rule: Rule) -> None:
    """So many replicas of a mixed fleet, whatever they are, in the place of the pin."""
    here = [term for c in b.choices_of[w.name] for term in b.placed(c, lambda p: is_at(pin, p))]
    b.require([*here, *((-replicas * k, var) for k, var in b.runs(w.name))], rule, at_least=0)


def is_at(pin: PinRule, pool: Pool) -> bool:
    """Whether a pool is in the place of a pin; a zone's or region's name counts with every provider."""
    return pin.place == {"pool": pool.id, "zone": pool.zone, "region": pool.region}[pin.kind]


def stays(b: Builder) -> None:
    r"""What runs today stays where it is: no replica of the workload moves.

        sum over c of w of  might_move[c] * take[c]  -  sum over allotments of w today of  kept   <=   0

    Label: ``stay[w]``.  See ``moving`` for what a move is.
    """
    if all(w.stay is None for w in b.problem.workloads):
        return
    moving = going(b)
    for w in b.problem.workloads:
        if w.stay is None or w.name not in moving:
            continue
        rule = Rule(
            law="pin",
            label=f"stay[{w.name}]",
            says=f'"{w.name}" stays where it runs today',
            origins=(w.stay,),
        )
        b.require(moving[w.name], rule, at_most=0)
