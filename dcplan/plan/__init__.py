"""Plan: from today's state to the wanted one, as a value and a file.

Takes: State, Solution, what providers found.        Gives: Plan.
Knows: pydantic (codec).       Never: a provider's call, a clock.
"""

from dcplan.plan.types import Digests, PlacedWorkload, Plan, ReadEntry

__all__ = ["Digests", "PlacedWorkload", "Plan", "ReadEntry"]
