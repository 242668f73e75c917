"""Pack: put a list of jobs on machines that already stand, with a proven bound.

Takes: Fleet, jobs, Effort.        Gives: Result[Packing], verify, the heuristics to compare with.
Knows: numpy, the door to linear programs (``placement.lp``).
Never: files, clocks, randomness without a seed.
"""

from dcplan.placement.pack.pack import pack
from dcplan.placement.pack.types import Bound, Effort, Packing, Refusal, Seat
from dcplan.placement.pack.verify import verify

__all__ = ["Bound", "Effort", "Packing", "Refusal", "Seat", "pack", "verify"]
