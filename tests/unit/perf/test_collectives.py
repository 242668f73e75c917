"""Times of collectives against published measurements and against simple cases."""

from __future__ import annotations

import pytest

from dcplan.basis import Basis
from dcplan.catalog import load_accelerators
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.perf.collectives import all_gather_s, all_reduce_s, all_to_all_s, inside_domain, send_s
from dcplan.perf.device import Wires, wires_of
from dcplan.topology.types import Link, PoolLinks

MIB = 2.0**20


def wires(name: str, out_bytes_per_s: float, out_latency_s: float = 2e-5) -> Wires:
    """Machines of eight such chips, with so much network for each chip."""
    chip = load_accelerators()[name]
    inside = Link(bytes_per_s=chip.scale_up_bytes_per_s, latency_s=1e-6, basis=Basis.ASSUMED)
    outside = Link(bytes_per_s=out_bytes_per_s, latency_s=out_latency_s, basis=Basis.ASSUMED)
    links = PoolLinks(pool="p", scale_up_domain=8, scale_up=inside, scale_out=outside)
    return wires_of(links, load_efficiencies().of(chip))


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
    w = wires(chip, network)
    seconds = float(all_reduce_s(size_mib * MIB, float(ranks), inside_domain(float(ranks), 1, w), w))
    reached = 2 * (ranks - 1) / ranks * size_mib * MIB / seconds

    assert reached == pytest.approx(measured, rel=0.4)


def test_a_group_of_one_needs_no_time() -> None:
    """No collective of one device takes any time, whatever its size."""
    w = wires("H100", 50e9)

    assert [float(f(MIB, 1.0, 1.0, w)) for f in (all_reduce_s, all_gather_s, all_to_all_s)] == [0, 0, 0]


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
