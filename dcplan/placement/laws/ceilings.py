"""What a sweep over two measures asks of one while it minimises the other."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dcplan.placement.aims import only
from dcplan.placement.measures import UNITS, in_units, micro_terms
from dcplan.placement.model import Rule
from dcplan.placement.scale import MICRO, exact

if TYPE_CHECKING:
    from dcplan.placement.model import Builder


def ceilings(b: Builder) -> None:
    r"""A measure of the whole placement is at most a given number (epsilon constraint).

        measure   <=   at_most

    Label: ``ceiling[measure]``.  No line of the document: ``plan --pareto`` asks for it.
    """
    for ceiling in b.problem.ceilings:
        rule = Rule(
            law="ceiling",
            label=f"ceiling[{ceiling.measure.value}]",
            says=f"{ceiling.measure.value} is at most {ceiling.at_most:g} {UNITS[ceiling.measure]}",
            origins=(),
        )
        terms, unit = in_units(b, micro_terms(b, only(ceiling.measure)))
        if terms:
            b.require(terms, rule, at_most=math.floor(exact(ceiling.at_most) * MICRO / unit))
