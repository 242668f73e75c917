"""Measure: a short micro-benchmark of the machine it stands on.

Takes: a backend, a time budget, a date.        Gives: Measured, the rows that calibrate reads, a summary.
Knows: numpy, PyTorch (an extra), the machine, our catalogue.      Never: a model of performance.

Pure: sizes, choose, rows, summary.  Acting: the backends, run, files.  Nothing heavy
is imported here, and nothing but numpy or PyTorch is needed to measure.
"""

from dcplan.measure.backend import Backend, OutOfMemoryError, UnsupportedError
from dcplan.measure.files import check_target, save
from dcplan.measure.open import BACKENDS, DEVICES, open_backend
from dcplan.measure.rows import COLUMNS, to_csv
from dcplan.measure.run import QUICK, Settings, measure
from dcplan.measure.summary import summarise
from dcplan.measure.types import (
    Attention,
    Case,
    Collective,
    Device,
    Gemm,
    Launch,
    LeftOut,
    Measured,
    Row,
    Speeds,
    Stream,
    Timing,
)

__all__ = [
    "BACKENDS",
    "COLUMNS",
    "DEVICES",
    "QUICK",
    "Attention",
    "Backend",
    "Case",
    "Collective",
    "Device",
    "Gemm",
    "Launch",
    "LeftOut",
    "Measured",
    "OutOfMemoryError",
    "Row",
    "Settings",
    "Speeds",
    "Stream",
    "Timing",
    "UnsupportedError",
    "check_target",
    "measure",
    "open_backend",
    "save",
    "summarise",
    "to_csv",
]
