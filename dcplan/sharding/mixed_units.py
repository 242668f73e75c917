"""Units whose prompts are computed on machines of another type than those that decode.

Prompts want FLOPs, tokens want bandwidth, and machines differ in what either
costs (Patel et al. 2024, Splitwise, arXiv 2311.18677, section 5).  Both types
must be had in one zone of one provider; caches cross the network between them.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dcplan.sharding.options import needed_for
from dcplan.sharding.types import Within
from dcplan.sharding.unit_sizes import unit_sizes
from dcplan.sharding.units import WORKERS, Units, frugal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from dcplan.demand.types import ServeDemand
    from dcplan.perf.numbers import Array
    from dcplan.sharding.trials import ServeTrial
    from dcplan.sharding.units import Sides

MOST_PAIRS = 6
"""Pairs of machine types that are looked at, those first that promise to cost least."""

MOST_KEPT = 6
"""Units kept of each pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """Two trials whose machines share a zone; which computes prompts and which decodes."""

    prefill: int
    decode: int
    usd: float
    """For a request a second, were there no rounding: prompts on the one, tokens on the other."""


def mixed_units(trials: Sequence[ServeTrial], sides: Sides, demand: ServeDemand) -> list[Units]:
    """Units over two types of machines, for the pairs of types that promise most."""
    pairs = sorted(_pairs(trials, sides), key=lambda pair: (pair.usd, pair.prefill, pair.decode))
    return [_units_of(pair, trials, sides, demand) for pair in pairs[:MOST_PAIRS]]


def _pairs(trials: Sequence[ServeTrial], sides: Sides) -> Iterator[_Pair]:
    """Which types may be mixed.

    Prompts go to the machines that compute more of them for each token that
    they decode.  The other way round costs more whatever either machine costs,
    but for rounding: that is comparative advantage (Ricardo 1817).
    """
    prompts, tokens = (_best(sides, rate) for rate in (sides.prefill_rate[:, 0], sides.decode_rate))
    for one, other in itertools.combinations(range(len(trials)), 2):
        if not may_mix(trials[one], trials[other]):
            continue
        forth, back = (prompts.get(a, 0.0) * tokens.get(b, 0.0) for a, b in ((one, other), (other, one)))
        prefill, decode = (one, other) if forth >= back else (other, one)
        if max(forth, back) > 0:
            usd = _usd(trials[prefill]) / prompts[prefill] + _usd(trials[decode]) / tokens[decode]
            yield _Pair(prefill=prefill, decode=decode, usd=usd)


def may_mix(one: ServeTrial, other: ServeTrial) -> bool:
    """Other machines of the same vendor in the same zone, which keep the model in the same way."""
    first, second = one.machines, other.machines
    return (
        one.way == other.way
        and first.machine.name != second.machine.name
        and first.accelerator.vendor == second.accelerator.vendor
        and {first.within, second.within} == {Within.POOL}
        and not first.zones.isdisjoint(second.zones)
    )


def _best(sides: Sides, rate: Array) -> dict[int, float]:
    """The most requests/s for each device, by trial."""
    each = rate / sides.devices
    return {int(trial): float(each[sides.trial == trial].max()) for trial in np.unique(sides.trial)}


def _usd(trial: ServeTrial) -> float:
    """Of one device per hour; a machine without a known price comes last."""
    price = trial.machines.usd_per_h
    return math.inf if price is None else price / trial.machines.machine.devices


def _units_of(pair: _Pair, trials: Sequence[ServeTrial], sides: Sides, demand: ServeDemand) -> Units:
    """The units of a pair that no other of its beats in devices of both types, altogether and in one unit.

    Each split that takes most with each number of prefill workers, and as many
    decode workers as keep pace with them, rounded up or down.
    """
    first = frugal(sides.devices, sides.of(pair.prefill), sides.prefill_rate[:, 0])
    second = frugal(sides.devices, sides.of(pair.decode), sides.decode_rate)
    i, j, w, up = (
        axis.ravel()
        for axis in np.meshgrid(
            np.arange(len(first)), np.arange(len(second)), np.arange(len(WORKERS)), [0, 1], indexing="ij"
        )
    )
    prompt, token = sides.prefill_rate[first[i], w], sides.decode_rate[second[j]]
    pace = prompt / token
    decoders = np.maximum(np.where(up == 1, np.ceil(pace - 1e-9), np.floor(pace + 1e-9)), 1.0)
    taken = _rounded(trials[pair.prefill], WORKERS[w] * sides.devices[first[i]])
    given = _rounded(trials[pair.decode], decoders * sides.devices[second[j]])
    rate = np.minimum(prompt, decoders * token)
    possible = np.flatnonzero((rate > 0) & np.isfinite(taken) & np.isfinite(given))
    taken, given, rate = taken[possible], given[possible], rate[possible]
    needed = needed_for(demand, rate) if len(possible) else rate
    counts = np.stack([needed * taken, needed * given, taken, given], axis=1)
    price = np.array([_known(_usd(trials[at])) for at in (pair.prefill, pair.decode)])
    best = _front(counts, counts[:, :2] @ price)
    at = possible[best]
    return Units(
        prefill=first[i[at]],
        decode=second[j[at]],
        prefill_workers=WORKERS[w[at]],
        decode_workers=decoders[at],
        devices=(taken + given)[best],
        apart=taken[best],
    )


def _known(usd: float) -> float:
    """A price to weigh devices with: where nobody knows it, all weigh alike."""
    return usd if math.isfinite(usd) else 1.0


def _rounded(trial: ServeTrial, devices: Array) -> Array:
    """The fewest devices that a side can have and that hold so many; infinite where there are none."""
    sizes = np.array([*unit_sizes(trial.machines, least=1), np.inf])
    out: Array = sizes[np.minimum(np.searchsorted(sizes, devices - 1e-9), len(sizes) - 1)]
    return out


def _front(counts: Array, usd: Array) -> npt.NDArray[np.intp]:
    """Rows that no other beats in every count: the cheapest few, of equal ones those of smaller units."""
    order = np.lexsort((*counts.T, usd))
    kept: list[int] = []
    for row in order:
        if not any((counts[one] <= counts[row]).all() for one in kept):
            kept.append(int(row))
            if len(kept) == MOST_KEPT:
                break
    return np.array(kept, dtype=np.intp)
