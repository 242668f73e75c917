"""Choose the cases that fit the device's memory and the time there is.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from dcplan.measure import sizes
from dcplan.measure.types import PRECISIONS, Attention, Case, Collective, Device, Gemm, Speeds

C = TypeVar("C", bound=Case | Collective)

MEMORY_SHARE = 0.5
"""Of the free memory; the rest is for copies that a library makes."""
LEAST_CALLS = 5
"""Two to warm up and three samples: what a case costs at least."""
LARGEST_SHARE = 1 / 8
"""Of its group's time that one case may take, so that a group has several."""
OVERHEAD_S = 2e-3
"""To prepare a case: buffers are there already, a graph has to be captured."""
FAR_SLOWER = 0.5
PRODUCTS = 12.0
"""Of the time for the products of all precisions together, in parts; SHARES has the other groups' parts."""
PRECISION_SHARES = {"bf16": 6.0, "fp8": 4.0, "fp16": 2.0, "int8": 2.0, "fp32": 2.0}
"""How the precisions that a device has share PRODUCTS: most for those that models run in."""
SHARES = {"memory": 2.0, "prefill": 3.0, "training": 2.0, "decode": 2.0, "collective": 4.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Cases of one kind, in the order in which they are to be run, and the time for all of them."""

    name: str
    cases: tuple[Case, ...]
    foreseen_s: tuple[float, ...]
    """What each case is expected to take of the time."""
    budget_s: float


def groups(device: Device, speeds: Speeds, *, total_s: float, case_s: float, ranks: int) -> tuple[Group, ...]:
    """What to run on a device of such speeds within ``total_s``, with ``case_s`` for each case.

    The time of collectives is set aside where there are several ``ranks``, but
    they are no group of one device.
    """
    grids: dict[str, tuple[Case, ...]] = {p: sizes.gemms(p) for p in PRECISIONS if p in speeds.flops}
    grids["memory"] = sizes.streams()
    if speeds.attention:
        attention = attention_precision(speeds)
        grids["prefill"] = sizes.prefills(attention, backward=False)
        grids["decode"] = sizes.decodes(attention)
        if speeds.backward:
            grids["training"] = sizes.prefills(attention, backward=True)
    parts = shares(tuple(grids), ranks)
    found = []
    for name, grid in grids.items():
        budget_s = total_s * parts[name]
        cases = spread([c for c in grid if fits(c, device, speeds, budget_s)])
        foreseen = tuple(cost_s(c, speeds, case_s) for c in cases)
        found.append(Group(name=name, cases=cases, foreseen_s=foreseen, budget_s=budget_s))
    return tuple(found)


def shares(names: Sequence[str], ranks: int) -> dict[str, float]:
    """The share of the time of each group, of collectives too where there are several ``ranks``; 1 in all."""
    products = sum(PRECISION_SHARES.get(name, 0.0) for name in names)
    parts = {
        name: PRODUCTS * PRECISION_SHARES[name] / products if name in PRECISION_SHARES else SHARES[name]
        for name in names
    }
    if ranks > 1:
        parts["collective"] = SHARES["collective"]
    return {name: part / sum(parts.values()) for name, part in parts.items()}


def collective_budget_s(device_groups: Sequence[Group], total_s: float) -> float:
    """The time that the groups of one device leave for collectives."""
    return max(0.0, total_s - sum(g.budget_s for g in device_groups))


def fits(case: Case, device: Device, speeds: Speeds, budget_s: float) -> bool:
    """Whether a case has room in memory, and its calls in a fair share of the group's time."""
    if held_bytes(case, device) > device.memory_bytes * MEMORY_SHARE:
        return False
    return LEAST_CALLS * predicted_s(case, speeds) <= budget_s * LARGEST_SHARE


def held_bytes(case: Case, device: Device) -> float:
    """Memory that a case needs: its operands, beside them enough others to push it out of the cache."""
    held = case.moved_bytes + 2.0 * device.cache_bytes
    if isinstance(case, Attention) and device.kind == "cpu":
        # Scores are not fused away everywhere: count them in full, in fp32.
        held += 8.0 * case.batch * case.heads * case.queries * case.length
    return held


def predicted_s(case: Case, speeds: Speeds) -> float:
    """Roughly how long one call takes: calculating and moving one after the other."""
    moving_s = case.moved_bytes / speeds.bytes_per_s
    if not isinstance(case, Gemm | Attention):
        return moving_s
    return case.flops / speeds.flops[case.precision] + moving_s


def cost_s(case: Case, speeds: Speeds, case_s: float) -> float:
    """What measuring a case takes of the time."""
    return max(case_s, LEAST_CALLS * predicted_s(case, speeds)) + OVERHEAD_S


def attention_precision(speeds: Speeds) -> str:
    """In which precision attention is measured: what models run in, unless it is far slower than another.

    One precision is enough, for attention's kernels differ by shape more than by width.
    """
    best = max(speeds.flops[p] for p in speeds.attention)
    return next(p for p in speeds.attention if speeds.flops[p] >= FAR_SLOWER * best)


def spread(cases: Sequence[C]) -> tuple[C, ...]:
    """The same in an order of which every beginning covers the whole range.

    The van der Corput sequence: index by index with its binary digits turned
    round (van der Corput, Verteilungsfunktionen, 1935).  Only the last, the
    largest case, is moved to the third place, for it shows the peak.
    """
    if not cases:
        return ()
    digits = max(1, (len(cases) - 1).bit_length())
    last = len(cases) - 1
    turned = sorted(range(last), key=lambda index: int(f"{index:0{digits}b}"[::-1], 2))
    return tuple(cases[index] for index in (*turned[:2], last, *turned[2:]))
