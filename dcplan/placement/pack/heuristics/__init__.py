"""Heuristics: jobs put on machines one by one as they come, to compare packing with.

Takes: Fleet, jobs, a rule (``best_fit``, ``fgd``).        Gives: seats, and what they leave unallocated.
Knows: numpy, what is free on each machine.        Never: what comes later, linear programs.
"""

from dcplan.placement.pack.heuristics.best_fit import best_fit
from dcplan.placement.pack.heuristics.fgd import fgd
from dcplan.placement.pack.heuristics.online import Rule, one_by_one

__all__ = ["Rule", "best_fit", "fgd", "one_by_one"]
