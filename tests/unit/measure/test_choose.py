"""Sizes are chosen to fit memory and time, and every beginning of them covers the range."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.measure import Device, Gemm, Speeds, sizes
from dcplan.measure.choose import (
    LARGEST_SHARE,
    LEAST_CALLS,
    MEMORY_SHARE,
    Group,
    attention_precision,
    collective_budget_s,
    groups,
    held_bytes,
    predicted_s,
    shares,
    spread,
)

GPU = Device(name="GPU", kind="cuda", count=1, memory_bytes=140 * 10**9, cache_bytes=50 * 2**20)
FAST = Speeds(
    flops={"bf16": 6e14, "fp8": 1.1e15, "fp32": 5e13},
    bytes_per_s=4e12,
    attention=("bf16", "fp32"),
    backward=True,
)
SLOW = Speeds(flops={"fp32": 3e10}, bytes_per_s=8e9, attention=("fp32",))


def chosen(device: Device, speeds: Speeds, *, ranks: int = 1) -> dict[str, Group]:
    """The groups of half a minute by name."""
    found = groups(device, speeds, total_s=30, case_s=0.03, ranks=ranks)
    return {group.name: group for group in found}


def test_a_fast_device_gets_decode_like_and_large_products() -> None:
    """On a GPU every m from 1 to 64 and the largest square are there."""
    products = [c for c in chosen(GPU, FAST)["bf16"].cases if isinstance(c, Gemm)]

    assert {1, 2, 4, 8, 16, 32, 64} < {c.m for c in products}
    assert Gemm(precision="bf16", m=16384, n=16384, k=16384) in products


def test_a_slow_device_gets_only_what_it_can_do_in_time() -> None:
    """No case takes more than its share of the group's time, and there still are decode-like ones."""
    for group in chosen(replace(GPU, kind="cpu"), SLOW).values():
        longest = max(predicted_s(case, SLOW) for case in group.cases)

        assert LEAST_CALLS * longest <= group.budget_s * LARGEST_SHARE
    assert {c.m for c in chosen(GPU, SLOW)["fp32"].cases if isinstance(c, Gemm)} >= {1, 64}


def test_small_memory_leaves_large_cases_out() -> None:
    """Nothing needs more than half of the free memory, and less memory means fewer cases."""
    small = replace(GPU, memory_bytes=2**30)
    cases = [case for group in chosen(small, FAST).values() for case in group.cases]

    assert max(held_bytes(case, small) for case in cases) <= MEMORY_SHARE * 2**30
    assert len(cases) < sum(len(group.cases) for group in chosen(GPU, FAST).values())


def test_what_does_not_work_is_not_chosen() -> None:
    """Without a backward pass there is no training attention, without a precision no products in it."""
    assert set(chosen(GPU, SLOW)) == {"fp32", "memory", "prefill", "decode"}
    assert set(chosen(GPU, FAST)) == {"fp32", "bf16", "fp8", "memory", "prefill", "training", "decode"}


def test_collectives_have_time_only_where_there_are_several_ranks() -> None:
    """The groups of one device leave them a part, or nothing."""
    alone, together = chosen(GPU, FAST), chosen(GPU, FAST, ranks=8)

    assert collective_budget_s(tuple(alone.values()), 30) == pytest.approx(0, abs=1e-9)
    assert collective_budget_s(tuple(together.values()), 30) > 2


@given(st.sets(st.sampled_from(["bf16", "fp16", "fp8", "int8", "fp32", "memory", "decode"]), min_size=1))
@settings(max_examples=30, deadline=None)
def test_shares_are_of_the_whole(names: set[str]) -> None:
    """Whatever groups there are, they share all the time."""
    assert sum(shares(sorted(names), 1).values()) == pytest.approx(1)


@given(st.integers(0, 300))
@settings(max_examples=40, deadline=None)
def test_spread_loses_nothing(count: int) -> None:
    """Each case comes exactly once."""
    cases = [Gemm(precision="fp32", m=m, n=1, k=1) for m in range(count)]

    assert sorted(spread(cases), key=lambda c: c.m) == cases


def test_every_beginning_of_the_spread_covers_the_range() -> None:
    """The first three are the smallest, the middle and the largest; the first nine leave no large hole."""
    cases = [Gemm(precision="fp32", m=m, n=1, k=1) for m in range(64)]
    order = [c.m for c in spread(cases)]
    first = sorted(order[:9])

    assert order[:3] == [0, 32, 63]
    assert max(b - a for a, b in pairwise(first)) <= 9


def test_attention_is_measured_in_what_models_run_in() -> None:
    """bf16, though fp32 were a little faster; not when it is emulated."""
    usual = Speeds(flops={"bf16": 1.0, "fp32": 1.5}, bytes_per_s=1, attention=("bf16", "fp32"))
    emulated = Speeds(flops={"bf16": 0.1, "fp32": 1.5}, bytes_per_s=1, attention=("bf16", "fp32"))

    assert attention_precision(usual) == "bf16"
    assert attention_precision(emulated) == "fp32"


def test_int8_starts_where_pytorch_does() -> None:
    """Fewer than 17 rows are refused by PyTorch's int8 product."""
    assert min(g.m for g in sizes.gemms("int8")) == 32
    assert min(g.m for g in sizes.gemms("bf16")) == 1


def test_one_rank_has_no_collectives() -> None:
    """One device talks to nobody; among three the buffer splits evenly."""
    assert sizes.collectives("bf16", 1) == ()
    assert {c.full_bytes % 3 for c in sizes.collectives("bf16", 3)} == {0}
