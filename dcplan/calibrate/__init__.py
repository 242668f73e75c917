"""Calibrate: measurements to figures, and how well those predict what they were not fitted to.

Takes: a CSV of measurements, the table of figures.        Gives: figures and profiles, also as a file.
Knows: numpy, scipy (an extra), the formulas of perf.
Never: formulas of its own, a row that it fits and judges at once.
"""

from dcplan.calibrate.calibration import Calibration, Change, Judged
from dcplan.calibrate.dispatch import calibrate
from dcplan.calibrate.kernels import calibrate_kernels
from dcplan.calibrate.profile import over, profile_text, table_of
from dcplan.calibrate.rows import read_rows
from dcplan.calibrate.types import (
    AttentionRow,
    CollectiveRow,
    GemmRow,
    MemoryRow,
    Row,
    Rows,
    ServeRow,
    TrainRow,
)

__all__ = [
    "AttentionRow",
    "Calibration",
    "Change",
    "CollectiveRow",
    "GemmRow",
    "Judged",
    "MemoryRow",
    "Row",
    "Rows",
    "ServeRow",
    "TrainRow",
    "calibrate",
    "calibrate_kernels",
    "over",
    "profile_text",
    "read_rows",
    "table_of",
]
