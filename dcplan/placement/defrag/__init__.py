"""Defragmentation: free whole slices or racks of an existing data centre with the fewest moves.

Takes: Fleet and jobs with their machines, Goal.     Gives: Result[Defragmentation], moves in their order.
Knows: OR-Tools through ``cpsat``, only where the cheapest choice does not work out.
Never: files, clocks, processes that it was not given.
"""

from dcplan.placement.defrag.after import after
from dcplan.placement.defrag.solve import defragment
from dcplan.placement.defrag.standing import WITHIN, standing
from dcplan.placement.defrag.types import Defragmentation, FreeSlice, Goal, Move, Standing
from dcplan.placement.defrag.verify import verify, violations

__all__ = [
    "WITHIN",
    "Defragmentation",
    "FreeSlice",
    "Goal",
    "Move",
    "Standing",
    "after",
    "defragment",
    "standing",
    "verify",
    "violations",
]
