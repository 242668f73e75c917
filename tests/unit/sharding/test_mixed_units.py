"""Units whose prompts are computed on machines of another type than those that decode."""

from __future__ import annotations

from dataclasses import replace

import pytest

import asked
from asked import CHIPS, MACHINES, TABLE, known, machine_class
from dcplan.demand.types import Disaggregated, ServeDemand
from dcplan.sharding import Candidate, MachineClass, ServeEstimate, repriced, search
from dcplan.sharding.mixed_units import MOST_KEPT, MOST_PAIRS
from dcplan.sharding.types import Within

HERE, THERE = ("aws", "r", "a"), ("aws", "r", "b")


def in_zones(
    name: str, *zones: tuple[str, str, str], usd_per_h: float | None = 50.0, **more: float
) -> MachineClass:
    """Eight machines of one type in some zones."""
    return replace(machine_class(name, 8, **more), zones=frozenset(zones), usd_per_h=usd_per_h)


H100, H200 = in_zones("p5.48xlarge", HERE), in_zones("p5en.48xlarge", HERE)


def chat(
    *, rate: float = 60.0, ttft_s: float = 1.0, how: Disaggregated = Disaggregated.ALWAYS
) -> ServeDemand:
    """A chat workload that needs no spares."""
    return asked.chat(ttft_s=ttft_s, tpot_s=0.04, rate=rate, availability=None, disaggregated=how)


def found(demand: ServeDemand, *classes: MachineClass) -> tuple[Candidate, ...]:
    """All candidates of a workload."""
    return search(demand, known("llama-3.1-70b"), classes, TABLE).unwrap()[0]


def mixed(*classes: MachineClass, demand: ServeDemand | None = None) -> tuple[Candidate, ...]:
    """Those on two types of machines."""
    return tuple(one for one in found(demand or chat(), *classes) if one.beside is not None)


def test_two_types_in_one_zone_are_mixed() -> None:
    """Prompts go where FLOPs are a larger part of what a machine has; the candidate names both types."""
    candidates = mixed(H100, H200)

    assert 0 < len(candidates) <= MOST_KEPT
    for one in candidates:
        assert one.beside is not None
        assert (one.beside.machine, one.machine) == ("p5.48xlarge", "p5en.48xlarge")
        assert (one.beside.pools, one.pools) == (H100.pools, H200.pools)
        assert one.hardware == (
            f"{one.beside.devices} x H100 (p5.48xlarge) + {one.devices} x H200 (p5en.48xlarge)"
        )
        assert one.id.startswith("chat/p5.48xlarge+p5en.48xlarge/")
    assert len({one.id for one in candidates}) == len(candidates)


def test_either_side_tiles_its_machines_and_holds_its_workers() -> None:
    """Devices are a part that tiles a machine or whole machines, no fewer than workers need."""
    for one in mixed(H100, H200):
        unit, beside = one.prefill, one.beside
        assert unit is not None
        assert beside is not None
        sides = (
            (beside.devices, beside.machines, unit.workers * unit.devices),
            (one.devices, one.machines, unit.decode_workers * unit.decode_devices),
        )
        for devices, machines, needed in sides:
            assert needed <= devices
            assert machines == devices // 8
            assert 8 % devices == 0 or devices % 8 == 0
        assert one.all_devices == beside.devices + one.devices


def test_mixed_units_keep_the_sla_and_their_memory() -> None:
    """Each bound holds with the margin of the hardware that it is about; caches cross the network."""
    for one in mixed(H100, H200):
        estimate = one.estimate
        assert isinstance(estimate, ServeEstimate)
        ttft, tpot = estimate.predicted
        for p, chip in ((ttft, "H100"), (tpot, "H200")):
            assert p.estimate.seconds <= p.bound_s * (1 + 1e-3)
            assert p.margin is not None
            assert f"on {chip} " in p.margin.reason
        assert "cache transfer" in {part.name for part in ttft.estimate.parts}
        assert estimate.memory.total_bytes <= CHIPS["H200"].memory_bytes
        assert estimate.requests_per_s <= estimate.max_requests_per_s


def test_the_slower_network_sets_the_pace_of_the_caches() -> None:
    """Each device of a worker sends or takes its part, so the side with the narrower door sets the time."""
    tenth = MACHINES["p5.48xlarge"].network_bytes_per_s / 8 / 10
    slow = in_zones("p5en.48xlarge", HERE, outside_bytes_per_s=tenth)

    def handed_s(decode: MachineClass) -> dict[tuple[int, int], float]:
        out = {}
        for one in mixed(H100, decode, demand=chat(ttft_s=3.0)):
            assert isinstance(one.estimate, ServeEstimate)
            assert one.prefill is not None
            parts = {part.name: part.seconds for part in one.estimate.predicted[0].estimate.parts}
            out[one.prefill.layout.tensor, one.layout.tensor] = parts["cache transfer"]
        return out

    fast, throttled = handed_s(H200), handed_s(slow)
    both = fast.keys() & throttled.keys()

    assert both
    for first, second in both:
        slower = min(first, second) / min(first, second / 10)
        assert throttled[first, second] == pytest.approx(slower * fast[first, second], rel=0.05)


@pytest.mark.parametrize(
    "other",
    [
        in_zones("p5en.48xlarge", THERE),
        in_zones("p5en.48xlarge"),
        replace(H200, within=Within.RACK),
        replace(H100, pools=("elsewhere",)),
    ],
    ids=["another zone", "no known zone", "one rack only", "the same type behind other links"],
)
def test_what_is_apart_or_alike_is_not_mixed(other: MachineClass) -> None:
    """Parts of a unit are in one zone and on two types of machines."""
    assert mixed(H100, other) == ()


def test_never_mixes_nothing() -> None:
    """Without units there are no mixed ones."""
    assert mixed(H100, H200, demand=chat(how=Disaggregated.NEVER)) == ()


def test_only_the_most_promising_pairs_are_looked_at() -> None:
    """However many types a zone has, few pairs are tried; a machine without a price comes last."""
    names = ("p4d.24xlarge", "p4de.24xlarge", "p5.48xlarge", "p5en.48xlarge", "p6-b200.48xlarge")
    classes = [in_zones(name, HERE, usd_per_h=10.0 + i) for i, name in enumerate(names)]
    pairs = {(c.beside.machine, c.machine) for c in mixed(*classes) if c.beside is not None}
    unknown = [*classes[:4], in_zones("p6-b200.48xlarge", HERE, usd_per_h=None)]
    known_first = {c.machine for c in mixed(*unknown)} | {
        c.beside.machine for c in mixed(*unknown) if c.beside
    }

    assert 1 < len(pairs) <= MOST_PAIRS
    assert "p6-b200.48xlarge" not in known_first


def test_no_mixed_unit_of_a_pair_beats_another() -> None:
    """Of two candidates neither is smaller or equal in every count of devices."""
    counts = [
        (
            one.replicas * one.beside.devices,
            one.replicas * one.devices,
            one.beside.devices,
            one.devices,
        )
        for one in mixed(H100, H200)
        if one.beside is not None
    ]

    for i, first in enumerate(counts):
        for second in counts[i + 1 :]:
            assert any(a > b for a, b in zip(first, second, strict=True))
            assert any(a < b for a, b in zip(first, second, strict=True))


def test_a_mixed_unit_is_not_priced_behind_the_links_of_one_type() -> None:
    """Links of one pool say nothing of the other."""
    one = mixed(H100, H200)[0]

    assert repriced(one, chat(), {"m": known("llama-3.1-70b")}, H200, TABLE) is None
