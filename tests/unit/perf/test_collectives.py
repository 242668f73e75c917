"""Times of collectives against published measurements and against simple cases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dcplan.basis import Basis
from dcplan.catalog import load_accelerators
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.perf.collectives import (
    all_gather_s,
    all_reduce_s,
    all_to_all_s,
    dispatch_s,
    exchange_detour,
    inside_domain,
    ring_share,
    send_s,
)
from dcplan.perf.device import Wires, wires_of
from dcplan.topology.types import Link, PoolLinks

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.perf.numbers import Num

MIB = 2.0**20


def wires(name: str, out_bytes_per_s: float, *, domain: int = 8, fabric: str = "") -> Wires:
    """Machines of so many such chips, with so much network for each chip."""
    chip = load_accelerators()[name]
    inside = Link(bytes_per_s=chip.scale_up_bytes_per_s, latency_s=1e-6, basis=Basis.ASSUMED)
    outside = Link(bytes_per_s=out_bytes_per_s, latency_s=2e-5, basis=Basis.ASSUMED)
    links = PoolLinks(pool="p", scale_up_domain=domain, scale_up=inside, scale_out=outside)
    return wires_of(links, load_efficiencies().of(chip), fabric)


def seconds(
    collective: Callable[[Num, Num, Num, Wires], Num], size_bytes: float, ranks: float, w: Wires
) -> float:
    """Time of a collective of neighbours."""
    return float(collective(size_bytes, ranks, inside_domain(ranks, 1, w), w))


@pytest.mark.parametrize(
    ("chip", "network", "ranks", "size_mib", "measured"),
    [
        # nccl 2.29 tables of AIConfigurator, 8 devices; nccl-tests of p5 and p4de, 16 devices.  The shape
        # figures of the table come from these curves: this is a check of the formula, no held-out test.
        ("H100", 50e9, 8, 64.0, 330e9),
        ("H100", 50e9, 8, 1024.0, 445e9),
        ("A100-80", 6.25e9, 8, 1024.0, 222e9),
        ("H100", 50e9, 16, 512.0, 393e9),
        ("H100", 50e9, 16, 64.0, 209e9),
        ("A100-80", 6.25e9, 16, 1024.0, 78e9),
    ],
)
def test_all_reduce_is_near_the_measured_bus_bandwidth(
    chip: str, network: float, ranks: int, size_mib: float, measured: float
) -> None:
    """Bus bandwidth, 2 (n-1)/n x size / time, is within 40 % of published measurements."""
    took = seconds(all_reduce_s, size_mib * MIB, ranks, wires(chip, network, fabric="EFA"))
    reached = 2 * (ranks - 1) / ranks * size_mib * MIB / took

    assert reached == pytest.approx(measured, rel=0.4)


def test_a_fabric_has_its_own_figures() -> None:
    """EFA starts later than an unknown fabric, and TCPX reaches less of its cards."""
    plain, efa, tcpx = (wires("H100", 50e9, fabric=name) for name in ("", "EFA", "TCPX"))

    assert seconds(all_reduce_s, 1024.0, 16.0, efa) > seconds(all_reduce_s, 1024.0, 16.0, plain)
    assert seconds(all_gather_s, 1024 * MIB, 16.0, tcpx) > seconds(all_gather_s, 1024 * MIB, 16.0, plain)


def test_the_switch_sums_for_large_groups_and_gathers_for_none() -> None:
    """Without sums in the switch an all-reduce of eight is slower, one of two and a gather are not."""
    w = wires("H100", 50e9)
    without = replace(w, switch_bytes_per_s=0.0)

    assert seconds(all_reduce_s, 512 * MIB, 8.0, without) > 1.05 * seconds(all_reduce_s, 512 * MIB, 8.0, w)
    assert seconds(all_reduce_s, 512 * MIB, 2.0, without) == seconds(all_reduce_s, 512 * MIB, 2.0, w)
    assert seconds(all_gather_s, 512 * MIB, 8.0, without) == seconds(all_gather_s, 512 * MIB, 8.0, w)


def test_pcie_is_crowded() -> None:
    """On shared bridges two ranks reach eleven times what eight do, as measured; on NVLink they do not."""
    for chip, more in (("L40S", 11.4), ("H100", 1.0)):
        w = wires(chip, 50e9)
        rates = [(n - 1) / n * 512 * MIB / seconds(all_gather_s, 512 * MIB, n, w) for n in (2.0, 8.0)]

        assert max(rates) / min(rates) == pytest.approx(more, rel=0.3)


def test_a_group_on_a_torus_has_the_links_of_its_axes() -> None:
    """On a 4 x 4 x 4 slice a line has a sixth of the links, a ring along an axis a third, all 64 all."""
    w = wires("TPU-v5p", 6e9, domain=64)

    assert [float(ring_share(n, w)) for n in (2.0, 4.0, 16.0, 64.0)] == pytest.approx(
        [1 / 6, 1 / 3, 2 / 3, 1]
    )


def test_a_torus_without_wrap_around_is_half_as_fast() -> None:
    """An axis of eight on v5e is a line; an axis of sixteen closes to a ring."""
    line, ring = (wires("TPU-v5e", 6e9, domain=side * side) for side in (8, 16))

    assert [float(ring_share(8.0, line)), float(ring_share(16.0, ring))] == pytest.approx([1 / 4, 1 / 2])


def test_an_exchange_on_a_torus_passes_many_links() -> None:
    """All pairs of a ring of sixteen are four links apart on average, and a switch has no detour."""
    w = wires("TPU-v5e", 6e9, domain=256)

    # Two axes: one of them has half of the links.
    assert float(exchange_detour(16.0, w)) == pytest.approx(8)
    assert float(exchange_detour(16.0, wires("H100", 50e9))) == 1


def test_a_token_goes_once_to_each_machine() -> None:
    """Eight experts a token cost the network one copy a machine and not eight."""
    w = wires("H100", 50e9)
    size = 8192 * 7168.0
    once = float(dispatch_s(8192.0, 7168.0, 8.0, 16.0, 8.0, w))
    plain = seconds(all_to_all_s, 8 * size, 16.0, w)

    assert once < plain / 3
    assert once == pytest.approx(1414e-6, rel=0.25)  # DeepEP, 16 H100 on two machines


def test_a_group_of_one_needs_no_time() -> None:
    """No collective of one device takes any time, whatever its size."""
    w = wires("H100", 50e9)

    assert [float(f(MIB, 1.0, 1.0, w)) for f in (all_reduce_s, all_gather_s, all_to_all_s)] == [0, 0, 0]
    assert float(dispatch_s(100.0, 7168.0, 8.0, 1.0, 1.0, w)) == 0


def test_leaving_the_domain_costs_more() -> None:
    """Sixteen devices in two machines take longer than eight in one, a far neighbour than a near one."""
    w = wires("A100-80", 6.25e9)

    for collective in (all_reduce_s, all_gather_s, all_to_all_s):
        assert float(collective(64 * MIB, 16.0, 8.0, w)) > float(collective(64 * MIB, 8.0, 8.0, w))
    assert float(send_s(MIB, 8.0, w)) > float(send_s(MIB, 1.0, w))


def test_strided_groups_share_no_domain() -> None:
    """Data-parallel ranks that are a machine apart have only themselves in their domain."""
    w = wires("H100", 50e9)

    assert [float(inside_domain(16.0, stride, w)) for stride in (1, 2, 8, 16)] == [8, 4, 1, 1]
    assert [float(inside_domain(16.0, float(stride), w)) for stride in (1, 2, 8, 16)] == [8, 4, 1, 1]
