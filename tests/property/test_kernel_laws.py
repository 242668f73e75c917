"""Laws that single kernels keep, whatever the hardware and the size."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.basis import Basis
from dcplan.catalog import load_accelerators
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.perf.collectives import (
    all_gather_s,
    all_reduce_s,
    all_to_all_s,
    dispatch_s,
    inside_domain,
    send_s,
)
from dcplan.perf.compute import gemm_s
from dcplan.perf.device import Wires, device_of, wires_of
from dcplan.topology.types import Link, PoolLinks

if TYPE_CHECKING:
    from dcplan.perf.device import Gemm

TABLE = load_efficiencies()
CHIPS = load_accelerators()
SLACK = 1 + 1e-9
COLLECTIVES = (all_reduce_s, all_gather_s, all_to_all_s)
RATES = tuple(field.name for field in fields(Wires) if field.name.endswith("bytes_per_s"))
TIMES = tuple(field.name for field in fields(Wires) if field.name.endswith("_s") and field.name not in RATES)

chips = st.sampled_from(["A100-80", "H100", "B200", "GB200", "L40S", "MI300X", "TPU-v5e", "TPU-v5p"])
fabrics = st.sampled_from(["", "EFA", "RoCE", "TCPX"])
domains = st.sampled_from([4, 8, 16, 64])
groups = st.sampled_from([1, 2, 3, 4, 8, 16, 32, 64, 512])
strides = st.sampled_from([1, 2, 4, 8])
sizes = st.floats(min_value=1.0, max_value=1e11)
factors = st.floats(min_value=1.0, max_value=16.0)
precisions = st.sampled_from(["bf16", "fp8", "fp8-block", "int4", "fp4"])
sides = st.floats(min_value=1.0, max_value=1e5)


def wires(chip: str, domain: int, fabric: str) -> Wires:
    """Machines with so many such chips."""
    inside = Link(bytes_per_s=CHIPS[chip].scale_up_bytes_per_s, latency_s=1e-6, basis=Basis.ASSUMED)
    outside = Link(bytes_per_s=25e9, latency_s=1e-5, basis=Basis.ASSUMED)
    links = PoolLinks(pool="p", scale_up_domain=domain, scale_up=inside, scale_out=outside)
    return wires_of(links, TABLE.of(CHIPS[chip]), fabric)


def times(size: float, ranks: float, stride: int, w: Wires) -> list[float]:
    """Seconds of every collective of such a group."""
    inside = inside_domain(ranks, stride, w)
    found = [float(one(size, ranks, inside, w)) for one in COLLECTIVES]
    return [*found, float(dispatch_s(size / 7168, 7168.0, 8.0, ranks, inside, w))]


def product(chip: str, precision: str) -> Gemm | None:
    """Products at a precision, None where the chip has none."""
    device = device_of(CHIPS[chip], precision, TABLE.of(CHIPS[chip]))
    return None if device is None else device.mlp


@settings(max_examples=60, deadline=None)
@given(chip=chips, domain=domains, fabric=fabrics, ranks=groups, stride=strides, size=sizes, factor=factors)
def test_more_bytes_are_never_sooner_and_never_dearer_each(  # noqa: PLR0917 - what hypothesis draws
    chip: str, domain: int, fabric: str, ranks: int, stride: int, size: float, factor: float
) -> None:
    """A larger buffer takes at least as long, and at most in proportion: time is concave."""
    w = wires(chip, domain, fabric)
    small, large = (np.array(times(s, float(ranks), stride, w)) for s in (size, size * factor))

    assert np.all(large * SLACK >= small)
    assert np.all(large <= factor * small * SLACK)
    for distance in (1.0, 100.0):
        sent = [float(send_s(s, distance, w)) for s in (size, size * factor)]
        assert sent[0] <= sent[1] * SLACK <= factor * sent[0] * SLACK**2


@settings(max_examples=60, deadline=None)
@given(chip=chips, domain=domains, fabric=fabrics, ranks=groups, stride=strides, size=sizes, factor=factors)
def test_better_wires_are_never_slower(  # noqa: PLR0917 - what hypothesis draws
    chip: str, domain: int, fabric: str, ranks: int, stride: int, size: float, factor: float
) -> None:
    """No collective takes longer when any one rate rises or any one fixed time falls."""
    w = wires(chip, domain, fabric)
    before = np.array(times(size, float(ranks), stride, w))
    for name in (*RATES, *TIMES):
        better = getattr(w, name) * factor if name in RATES else getattr(w, name) / factor
        after = np.array(times(size, float(ranks), stride, replace(w, **{name: better})))

        assert np.all(after <= before * SLACK), name


@settings(max_examples=30, deadline=None)
@given(chip=chips, domain=domains, fabric=fabrics, stride=strides, size=sizes)
def test_a_group_of_one_costs_nothing(chip: str, domain: int, fabric: str, stride: int, size: float) -> None:
    """No collective of one rank takes any time."""
    assert times(size, 1.0, stride, wires(chip, domain, fabric)) == [0, 0, 0, 0]


@settings(max_examples=60, deadline=None)
@given(chip=chips, domain=domains, ranks=st.sampled_from([2, 3, 4, 8, 16, 64]), size=sizes)
def test_nothing_beats_the_links(chip: str, domain: int, ranks: int, size: float) -> None:
    """Bus bandwidth stays below the peak of the slower links; a sum in the switch has its own bound.

    In the switch (n+1)/n of the buffer passes each link, where a ring sends 2 (n-1)/n.
    """
    w = wires(chip, domain, "RoCE")
    up, out = CHIPS[chip].scale_up_bytes_per_s, 25e9
    inside = float(inside_domain(float(ranks), 1, w))
    reduce_s, gather_s, exchange_s, _ = times(size, float(ranks), 1, w)
    moved = size * (inside - 1) / inside
    summed = 2 * moved if inside <= 3 else size * (inside + 1) / inside

    assert gather_s * up >= moved
    assert exchange_s * up >= size * (inside - 1) / ranks
    assert reduce_s * up >= min(2 * moved, summed)
    if ranks > inside:
        assert gather_s * out * inside >= size * (ranks - 1) / ranks
        assert reduce_s * out * inside >= size
        assert exchange_s * out >= size * (ranks - inside) / ranks


@settings(max_examples=20, deadline=None)
@given(domain=domains, size=sizes)
def test_many_rows_at_once_are_each_as_if_alone(domain: int, size: float) -> None:
    """Groups of many chips and sizes, evaluated together, take what each takes alone."""
    many = [wires(chip, domain, "") for chip in ("H100", "L40S", "TPU-v5p")]
    columns = {
        field.name: np.array([getattr(one, field.name) for one in many])
        for field in fields(Wires)
        if not field.name.endswith("basis")
    }
    together = replace(many[0], **columns)
    ranks = np.array([8.0, 4.0, 16.0])
    found = all_reduce_s(size, ranks, inside_domain(ranks, 1.0, together), together)
    alone = [times(size, float(n), 1, one)[0] for n, one in zip(ranks, many, strict=True)]

    assert list(np.asarray(found)) == pytest.approx(alone)


@settings(max_examples=80, deadline=None)
@given(chip=chips, precision=precisions, rows=sides, columns=sides, depth=sides, factor=factors)
def test_products_grow_and_never_beat_the_roofline(  # noqa: PLR0917 - what hypothesis draws
    chip: str, precision: str, rows: float, columns: float, depth: float, factor: float
) -> None:
    """A larger product takes longer, a faster device less, and none beats its peaks."""
    gemm = product(chip, precision)
    if gemm is None:
        return
    took = float(gemm_s(rows, columns * depth, columns, gemm))
    more = [
        float(gemm_s(rows * factor, columns * depth, columns, gemm)),
        float(gemm_s(rows, columns * factor * depth, columns * factor, gemm)),
        float(gemm_s(rows, columns * depth * factor, columns, gemm)),
    ]
    faster = [
        replace(gemm, flops=gemm.flops * factor),
        replace(gemm, stream_bytes_per_s=gemm.stream_bytes_per_s * factor),
        replace(gemm, kernel_s=gemm.kernel_s / factor),
    ]

    assert all(took <= one * SLACK <= factor * took * SLACK**2 for one in more)
    assert all(float(gemm_s(rows, columns * depth, columns, one)) <= took * SLACK for one in faster)
    assert took >= 2 * rows * columns * depth / gemm.flops
    assert took * CHIPS[chip].memory_bytes_per_s >= columns * depth * gemm.weight_bytes


@settings(max_examples=40, deadline=None)
@given(chip=chips, rows=sides, columns=sides, depth=sides, products=st.integers(min_value=1, max_value=100))
def test_equal_products_take_what_each_takes(
    chip: str, rows: float, columns: float, depth: float, products: int
) -> None:
    """So many equal products take so many times as long as one, and none takes no time."""
    gemm = product(chip, "bf16")
    assert gemm is not None
    one = float(gemm_s(rows, columns * depth, columns, gemm))

    assert float(gemm_s(rows, products * columns * depth, columns, gemm, products)) == pytest.approx(
        products * one
    )
    assert float(gemm_s(rows, 0.0, columns, gemm, 0.0)) == 0
