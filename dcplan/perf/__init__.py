"""Perf: how long things take and how much memory they need, as pure formulas.

Takes: a model, an accelerator with its measured efficiency, links, layouts.        Gives: times in
parts with their basis, memory by use.
Knows: numpy, the catalogue's facts, the topology's links.       Never: prices, pools, what to choose.

Formulas are written once and take one number or an array of them alike, so
that a search evaluates all layouts together and builds estimates only for
those it keeps.
"""

from dcplan.perf.arrays import stack, take
from dcplan.perf.device import Device, Gemm, Wires, device_of, form_on, peak_flops, wires_of
from dcplan.perf.engine import Engine, engine_of
from dcplan.perf.estimates import bases, estimate
from dcplan.perf.framework import Framework, framework_of
from dcplan.perf.layouts import RECOMPUTE, Layouts, layouts_of
from dcplan.perf.parameters import Parameters, parameters_of, training_flops_per_token
from dcplan.perf.replicas import Replicas
from dcplan.perf.speculation import Speculation
from dcplan.perf.training import Jobs
from dcplan.perf.types import Layout, Memory

__all__ = [
    "RECOMPUTE",
    "Device",
    "Engine",
    "Framework",
    "Gemm",
    "Jobs",
    "Layout",
    "Layouts",
    "Memory",
    "Parameters",
    "Replicas",
    "Speculation",
    "Wires",
    "bases",
    "device_of",
    "engine_of",
    "estimate",
    "form_on",
    "framework_of",
    "layouts_of",
    "parameters_of",
    "peak_flops",
    "stack",
    "take",
    "training_flops_per_token",
    "wires_of",
]
