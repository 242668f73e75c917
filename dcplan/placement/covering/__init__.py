"""Covering: how many machines of each type carry a mixed load at the lowest price.

Takes: CoverProblem (classes of load in equal slices, machine types with prices, rates of each on each).
Gives: Result[Cover], with a bound.
Knows: the doors to CP-SAT and to linear programs.
Never: how fast a machine is (its caller says), clouds, replicas.
"""

from dcplan.placement.covering.solve import cover
from dcplan.placement.covering.types import Cover, CoverProblem, LoadClass, MachineType
from dcplan.placement.covering.verify import broken

__all__ = ["Cover", "CoverProblem", "LoadClass", "MachineType", "broken", "cover"]
