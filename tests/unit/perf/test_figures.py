"""Every figure of the efficiency table reaches a prediction."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from dcplan.basis import Basis
from dcplan.catalog import load_accelerators, load_catalog_model
from dcplan.catalog.efficiency import Efficiencies, load_efficiencies
from dcplan.demand.types import Lengths
from dcplan.perf import (
    Jobs,
    Layout,
    Layouts,
    Replicas,
    device_of,
    engine_of,
    framework_of,
    layouts_of,
    parameters_of,
    wires_of,
)
from dcplan.perf.closed_loop import closed_loop_s
from dcplan.perf.disaggregated import Disaggregated, decode_rate, prefill_rate
from dcplan.perf.memory import runtime_bytes
from dcplan.perf.numbers import total
from dcplan.perf.serving_memory import serving_memory
from dcplan.perf.training import step_parts
from dcplan.perf.training_memory import training_memory
from dcplan.topology.types import Link, PoolLinks

MODELS = ("llama-3.1-8b", "glm-5", "qwen3.5-397b-a17b")
"""Dense; experts with latent and sparse attention; experts with linear mixers."""

ELSEWHERE = {
    "burst": "of calibration: how benchmarks start their clients",
    "together": "of calibration: how benchmarks start their clients",
    "acceptance": "read where a document or a row of a benchmark asks for a model's own drafts",
    "draft_share": "read where a document or a row of a benchmark asks for a model's own drafts",
}
"""Figures that formulas take as arguments, with who gives them."""

FIGURES = sorted({name.partition("/")[0] for row in load_efficiencies().rows.values() for name in row})


@cache
def layouts() -> tuple[Layouts, Layouts]:
    """Layouts to train and to serve with."""
    train = layouts_of(
        Layout(tensor=2, data=8, expert=16, zero=1),
        Layout(tensor=2, context=2, data=4, expert=8, recompute="selective"),
        Layout(data=16, zero=3, expert=8),
        Layout(tensor=8, pipeline=2),
    )
    serve = layouts_of(Layout(tensor=8), Layout(data=8, expert=8), Layout(tensor=16))
    return train, serve


def predictions(table: Efficiencies) -> list[float]:
    """Times and bytes of training and serving on three kinds of links."""
    found: list[float] = []
    # A torus of 48 has a little under four chips an axis, from which on axes of this chip close to rings.
    for chip, fabric, domain in (("H100", "EFA", 8), ("L40S", "", 8), ("TPU-v5p", "", 48)):
        hardware = load_accelerators()[chip]
        inside = Link(bytes_per_s=hardware.scale_up_bytes_per_s, latency_s=1e-6, basis=Basis.ASSUMED)
        outside = Link(bytes_per_s=25e9, latency_s=2e-5, basis=Basis.ASSUMED)
        links = PoolLinks(pool="p", scale_up_domain=domain, scale_up=inside, scale_out=outside)
        figures = table.of(hardware)
        device = device_of(hardware, "bf16", figures)
        assert device is not None
        for name in MODELS if chip == "H100" else MODELS[:1]:
            model = load_catalog_model(name)
            assert model is not None
            job = Jobs(
                parameters=parameters_of(model),
                layouts=layouts()[0],
                device=device,
                wires=wires_of(links, figures, fabric),
                framework=framework_of(figures, "bf16"),
                sequence=4096.0,
                global_batch=64.0,
            )
            held = training_memory(job.parameters, job.layouts, job.framework, 4096.0, job.micro_batches)
            found += [*np.ravel(total(step_parts(job))), *np.ravel(held.total_bytes)]
            engine = engine_of(figures)
            lengths = Lengths(mean=400.0, p50=350.0, p95=800.0, p99=1000.0)
            replicas = Replicas(
                parameters=job.parameters,
                layouts=layouts()[1],
                device=device,
                wires=job.wires,
                engine=engine,
                prompt=replace(lengths, mean=20_000.0),
                output=lengths,
                arrival_cv2=1.0,
            )
            apart = Disaggregated(
                prefill=replicas,
                decode=replicas,
                prefill_workers=1.0,
                decode_workers=1.0,
                link_bytes_per_s=1e10,
            )
            room = serving_memory(job.parameters, replicas.layouts, device, engine, 0.0).total_bytes
            # One short prompt beside few requests: there the least that a prompt adds to a step counts.
            short = replace(replicas, prompt=replace(lengths, mean=1.0), device=device)
            loops = [*closed_loop_s(replicas, 64.0, 1e6), *closed_loop_s(short, 2.0, 1e6)]
            rates = [prefill_rate(apart), decode_rate(apart, 16.0), runtime_bytes(device), room]
            found += [float(n) for value in (*loops, *rates) for n in np.ravel(value)]
    return found


@cache
def shipped() -> tuple[Efficiencies, list[float]]:
    """The table as it ships, and what is predicted with it."""
    table = load_efficiencies()
    return table, predictions(table)


@pytest.mark.parametrize("figure", [name for name in FIGURES if name not in ELSEWHERE])
def test_a_figure_that_is_changed_changes_a_prediction(figure: str) -> None:
    """Each figure is read by a formula: none is dead, and none has a twin in the code.

    If you are here because this test failed: the figure is not read, or only by what is not predicted
    here.  Let a formula read it, let ``predictions`` reach it, or say in ELSEWHERE who gives it.
    """
    table, before = shipped()
    changed = {
        place: {
            name: replace(fact, value=fact.value * 0.8)
            for name, fact in row.items()
            if name.partition("/")[0] == figure
        }
        for place, row in table.rows.items()
    }

    after = predictions(table.with_figures(changed))

    assert any(old != new for old, new in zip(before, after, strict=True))
