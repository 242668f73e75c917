"""How much may run on spot machines."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from dcplan.placement.domains import zone_of
from dcplan.placement.laws.stretch import with_stretch
from dcplan.placement.model import Rule
from dcplan.placement.scale import exact, part_down

if TYPE_CHECKING:
    from dcplan.placement.cpsat import Var
    from dcplan.placement.model import Builder
    from dcplan.placement.types import Choice, Workload


def spot_share(b: Builder) -> None:
    r"""At most a share of a workload's replicas runs on spot machines.

        sum over spot pools p of  n[c, p]   <=   floor(share * N[c]) * take[c]

    or, where there may be more replicas,  <=  share * sum over p of  n[c, p];  in a mixed fleet that over
    all choices together, each replica counted ``weight[c]``: a share of the load.

    A replica with a part beside is on spot machines when either part is.  In a zone, parts on spot machines
    belong together as far as they go, so that of n replicas and b parts there max(n, b) are:

        spot[c, z]   >=   sum over spot pools p of z of  n[c, p],  and of  b[c, p]
        sum over zones z of  spot[c, z]   <=   floor(share * N[c]) * take[c]

    Label: ``spot-share[w]``.
    """
    for w in b.problem.workloads:
        if w.spot is None:
            continue
        percent = float(exact(w.spot.share) * Fraction(100))
        part = f"at most {percent:g} %" if percent else "none"
        rule = Rule(
            law="spot-share",
            label=f"spot-share[{w.name}]",
            says=f'{part} of the replicas of "{w.name}" runs on spot machines',
            origins=() if w.spot.origin is None else (w.spot.origin,),
        )
        if w.name in b.mixing:
            _in_fleet(b, w, rule)
        for c in () if w.name in b.mixing else b.choices_of[w.name]:
            here = _on_spot(b, c)
            if here:
                stretched = with_stretch(rule, c.replicas) if w.spot.origin is not None else rule
                if c.extra:
                    share, whole = exact(w.spot.share).as_integer_ratio()
                    of_all = [(-share * k, var) for k, var in b.placed(c, lambda _: True)]
                    on_spot = [(whole * k, var) for k, var in here]
                    b.require([*on_spot, *of_all], stretched, at_most=0, step=whole)
                else:
                    most = part_down(w.spot.share, c.replicas)
                    b.require([*here, (-most, b.take[c.id])], stretched, at_most=0)


def _in_fleet(b: Builder, w: Workload, rule: Rule) -> None:
    """The share of what all replicas of a mixed fleet carry: few large ones weigh as much as many small."""
    choices = b.choices_of[w.name]
    here = [(c.weight * k, var) for c in choices for k, var in _on_spot(b, c)]
    if w.spot is None or not here:
        return
    share, whole = exact(w.spot.share).as_integer_ratio()
    of_all = [(-share * c.weight * k, var) for c in choices for k, var in b.placed(c, lambda _: True)]
    if w.spot.origin is not None:
        rule = with_stretch(rule, max(c.replicas for c in choices))
    b.require([*((whole * k, var) for k, var in here), *of_all], rule, at_most=0, step=whole)


def _on_spot(b: Builder, c: Choice) -> list[tuple[int, Var]]:
    """The replicas of a choice on spot machines, as an expression."""
    if c.beside is None:
        return b.placed(c, lambda p: p.spot)
    found = []
    for zone in sorted({zone_of(p) for _, pools in b.pairs.of(c) for p in pools if p.spot}):
        either = b.model.integer(0, c.most)
        for side in (b.placed, b.placed_beside):
            here = side(c, lambda p, zone=zone: p.spot and zone_of(p) == zone)  # type: ignore[misc]
            b.define([*here, (-1, either)], high=0)
        found.append((1, either))
    return found
