"""How many replicas of today may move."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import plural
from dcplan.placement.laws.stretch import WHOLE
from dcplan.placement.model import Rule
from dcplan.placement.moving import going

if TYPE_CHECKING:
    from dcplan.placement.model import Builder


def max_moves(b: Builder) -> None:
    r"""At most so many replicas of today do not stay where they are.

        sum over c of  might_move[c] * take[c]  -  sum over allotments of today of  kept   <=   max_moves

    For a mixed fleet the first sum has  fleet_might_move[w] * (whether w runs).

    Label: ``max-moves``.  See ``moving`` for what a move is; parts beside count like replicas.
    """
    limit = b.problem.max_moves
    if limit is None:
        return
    terms = [term for terms in going(b).values() for term in terms]
    if not terms:
        return
    rule = Rule(
        law="max-moves",
        label="max-moves",
        says=f"at most {plural(limit.at_most, 'replica')} of today may move"
        if limit.at_most
        else "no replica of today may move",
        origins=(limit.origin,),
        stretch=max(1, WHOLE // max(limit.at_most, 1)),
    )
    b.require(terms, rule, at_most=limit.at_most)
