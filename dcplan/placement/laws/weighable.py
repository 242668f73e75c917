"""What is minimised must be known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.placement.aims import Measure
from dcplan.placement.model import Rule

if TYPE_CHECKING:
    from dcplan.diag import ConfigPath
    from dcplan.placement.model import Builder
    from dcplan.placement.types import Pool, Problem


def carbon_is_known(b: Builder) -> None:
    r"""Where carbon is minimised, nothing is in a pool of which it is not known.

        sum over p with unknown kgco2_per_h of  machines in use in p   <=   0

    Label: ``carbon-known``.
    """
    origin = minimised_at(b.problem, Measure.CARBON)
    if origin is None:
        return
    unknown = {pool.id for pool in unknown_carbon(b.problem)}
    terms = [(1, var) for (_, pool), var in (*b.replicas.items(), *b.beside.items()) if pool in unknown]
    if terms:
        rule = Rule(
            law="carbon-known",
            label="carbon-known",
            says="carbon is minimised, so that nothing may be where it is not known",
            origins=(origin,) if origin else (),
        )
        b.require(terms, rule, at_most=0)


def minimised_at(problem: Problem, measure: Measure) -> ConfigPath | None:
    """The line that minimises or caps a measure, empty where a sweep does; None: nothing does."""
    for goal in problem.goals:
        if any(one is measure for one, _ in goal.weights):
            return goal.origin or ()
    return () if any(c.measure is measure for c in problem.ceilings) else None


def unknown_carbon(problem: Problem) -> list[Pool]:
    """The pools of which it is not known what a machine emits."""
    return [pool for pool in problem.pools if pool.kgco2_per_h is None]
