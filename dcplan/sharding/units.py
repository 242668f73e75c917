"""Units of prefill and decode workers that keep pace with each other, on so many devices together.

Zhong et al. 2024 (DistServe, arXiv 2401.09670) and Patel et al. 2024
(Splitwise, arXiv 2311.18677): each phase gets the split that suits it, the
caches move from one to the other, and the slower side sets the rate.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dcplan.basis import Basis
from dcplan.perf.disaggregated import decode_rate
from dcplan.perf.disaggregated_load import paired
from dcplan.sharding.serve import known_bases
from dcplan.sharding.split_load import most_decoded, most_prompts
from dcplan.sharding.trials import together

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from dcplan.demand.types import ServeDemand
    from dcplan.perf.disaggregated import Disaggregated
    from dcplan.perf.numbers import Array
    from dcplan.perf.replicas import Replicas
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.trials import ServeTrial

    Rows = npt.NDArray[np.intp]

WORKERS = np.array([1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32], dtype=np.float64)
"""Prefill workers of a unit that are looked at; decode workers are as many as keep pace with them."""

LOOKED_AT = 3
"""Splits of each size of a worker and each phase that are paired: those that take most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What workers in every split of some trials take in either phase."""

    replicas: Replicas
    trial: Rows
    """Of which of the trials each row is."""
    place: Rows
    """Which of the trial's layouts it is."""
    room: Array
    allowed: tuple[Array, ...]
    """What each bound leaves to a prediction without its margin, seconds."""
    prefill_rate: Array
    """Requests/s that as many prefill workers as ``WORKERS`` says take within TTFT, a column for each; of
    rows that are not looked at any further only what one takes."""
    decode_batch: Array
    """Requests on one decode worker at the most within TPOT."""
    decode_rate: Array
    """Requests/s of it then."""

    @property
    def devices(self) -> Array:
        """Of one worker."""
        return self.replicas.layouts.devices

    def of(self, trial: int) -> Rows:
        """The rows of one of the trials."""
        return np.flatnonzero(self.trial == trial)


def sides_of(trials: Sequence[ServeTrial], rows: Sequence[Mask], demand: ServeDemand) -> Sides | None:
    """Both phases of these rows of each trial, which must be legal and fit; None for no row."""
    r = together(trials, rows)
    if r is None:
        return None
    trial = np.repeat(np.arange(len(trials)), [int(mask.sum()) for mask in rows])
    room = np.concatenate([one.room[mask] for one, mask in zip(trials, rows, strict=True)])
    factors = np.array([[margin.factor for margin in one.margins] for one in trials])[trial]
    allowed = tuple(bound.bound_s / factors[:, which] for which, bound in enumerate(demand.bounds))
    one_each = np.ones(len(trial))
    alone = paired(r, r, one_each, one_each)
    batch = most_decoded(alone, demand.bounds, allowed, room)
    return Sides(
        replicas=r,
        trial=trial,
        place=np.concatenate([np.flatnonzero(mask) for mask in rows]),
        room=room,
        allowed=allowed,
        prefill_rate=_prefill_rates(r, trial, demand, allowed, room),
        decode_batch=batch,
        decode_rate=np.broadcast_to(np.asarray(decode_rate(alone, batch)), batch.shape),
    )


def _prefill_rates(
    r: Replicas, trial: Rows, demand: ServeDemand, allowed: Sequence[Array], room: Array
) -> Array:
    """What ``WORKERS`` prefill workers take, as if the way to the others were as wide as their own."""

    def most(rows: Rows, workers: Array) -> Array:
        some, limits = r.take(rows), [seconds[rows] for seconds in allowed]
        return most_prompts(paired(some, some, workers, workers), demand.bounds, limits, room[rows])

    out = np.zeros((len(room), len(WORKERS)))
    every = np.arange(len(room))
    out[:, 0] = most(every, np.ones(len(room)))
    # More workers only of what will be paired: one tells which that is.
    devices = r.layouts.devices
    chosen = np.concatenate([frugal(devices, every[trial == one], out[:, 0]) for one in np.unique(trial)])
    rows = np.repeat(chosen, len(WORKERS))
    out[chosen] = most(rows, np.tile(WORKERS, len(chosen))).reshape(len(chosen), len(WORKERS))
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Units:
    """Units, one for each entry: rows of ``Sides`` for either phase, and how many workers."""

    prefill: Rows
    decode: Rows
    prefill_workers: Array
    decode_workers: Array
    devices: Array
    """That a unit is given; some may be left over."""
    apart: Array
    """Of these, those on the prefill workers' own machines, which are of another type; 0 where all workers
    share machines."""

    def __len__(self) -> int:
        return len(self.prefill)

    def take(self, rows: Any) -> Units:
        """Only these."""
        return Units(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """Where units are looked for: rows of either phase, and how many devices there are."""

    prefill: Rows
    decode: Rows
    sizes: tuple[int, ...]
    """Devices of a unit."""
    most_prefill: float = np.inf
    """Devices at the most that prefill workers can have."""
    most_decode: float = np.inf


def units_in(sides: Sides, space: Space, keep: int) -> Units:
    """For each size the ``keep`` pairs of splits that take most, each with the numbers that take most.

    All pairs of the splits that take most are looked at, with all ``WORKERS``; of
    equal numbers the smaller ones, so that no worker is there that the other
    side cannot feed.
    """
    first = frugal(sides.devices, space.prefill, sides.prefill_rate[:, 0])
    second = frugal(sides.devices, space.decode, sides.decode_rate)
    found = [
        _of_size(sides, replace(space, prefill=first, decode=second), size, keep) for size in space.sizes
    ]
    return joined([one for one in found if len(one)])


def joined(some: Sequence[Units]) -> Units:
    """All of them one after the other."""
    if not some:
        nothing, zero = np.zeros(0, dtype=np.intp), np.zeros(0)
        return Units(
            prefill=nothing,
            decode=nothing,
            prefill_workers=zero,
            decode_workers=zero,
            devices=zero,
            apart=zero,
        )
    return Units(
        **{field.name: np.concatenate([getattr(one, field.name) for one in some]) for field in fields(Units)}
    )


def frugal(devices: Array, rows: Rows, rate: Array) -> Rows:
    """Of these rows those that take most with as many devices, fewest devices for a rate first."""
    rows = rows[rate[rows] > 0]
    rows = rows[np.argsort(devices[rows] / rate[rows], kind="stable")]
    best = [rows[devices[rows] == size][:LOOKED_AT] for size in np.unique(devices[rows])]
    return np.concatenate(best) if best else rows


def _of_size(sides: Sides, space: Space, size: int, keep: int) -> Units:
    """The best units of one size, at most one of each pair of splits."""
    first, second = space.prefill, space.decode
    if not len(first) or not len(second):
        return joined([])
    prompt = sides.prefill_rate[first][:, None, :]
    token = sides.decode_rate[second][None, :, None]
    taken = sides.devices[first][:, None, None] * WORKERS
    each = sides.devices[second][None, :, None]
    decoders = np.floor(np.minimum(size - taken, space.most_decode) / each)
    decoders = np.minimum(decoders, np.ceil(prompt / token - 1e-9))
    possible = (decoders >= 1) & (taken <= space.most_prefill)
    rate = np.where(possible, np.minimum(prompt, decoders * token), 0.0)
    # A hair for each device, so that of equal rates the fewest devices win.
    count = np.argmax(rate * (1 - 1e-9 * (taken + decoders * each)), axis=2)
    best = np.take_along_axis(rate, count[:, :, None], axis=2)[:, :, 0]
    order = np.argsort(-best, axis=None, kind="stable")[:keep]
    order = order[best.ravel()[order] > 0]
    i, j = np.unravel_index(order, best.shape)
    return Units(
        prefill=first[i],
        decode=second[j],
        prefill_workers=WORKERS[count[i, j]],
        decode_workers=decoders[i, j, count[i, j]],
        devices=np.full(len(order), float(size)),
        apart=np.zeros(len(order)),
    )


def deployment(sides: Sides, units: Units) -> Disaggregated:
    """The units as the performance model takes them; inside a scale-up domain caches take its links."""
    first, second = sides.replicas.take(units.prefill), sides.replicas.take(units.decode)
    inside = _inside(sides, units)
    return paired(first, second, units.prefill_workers, units.decode_workers, inside=inside)


def _inside(sides: Sides, units: Units) -> Mask:
    """Units whose caches stay inside a scale-up domain."""
    same = sides.trial[units.prefill] == sides.trial[units.decode]
    out: Mask = same & (units.devices <= sides.replicas.take(units.prefill).wires.domain)
    return out


def most_of(sides: Sides, units: Units, demand: ServeDemand) -> Array:
    """Requests/s that each unit takes within the SLA: what the slower side does."""
    d = deployment(sides, units)
    allowed = tuple(seconds[units.prefill] for seconds in sides.allowed)
    prompts = most_prompts(d, demand.bounds, allowed, sides.room[units.prefill])
    out: Array = np.minimum(prompts, np.asarray(decode_rate(d, sides.decode_batch[units.decode])))
    return out


def own_row(trials: Sequence[ServeTrial], sides: Sides, index: int) -> tuple[ServeTrial, Replicas]:
    """The trial of one row and the row alone, with what is known of its own hardware."""
    trial = trials[sides.trial[index]]
    if trial.replicas is None:
        msg = "a layout that does not run was paired. This is a bug in dcplan."
        raise RuntimeError(msg)
    return trial, trial.replicas.take([sides.place[index]])


def alone(sides: Sides, units: Units, at: int, prefill: Replicas, decode: Replicas) -> Disaggregated:
    """One of the units by itself, with its own rows of either phase."""
    return replace(deployment(sides, units.take([at])), prefill=prefill, decode=decode)


def known_of(
    one: Disaggregated, sides: Sides, units: Units, at: int
) -> tuple[dict[str, Basis], dict[str, Basis]]:
    """How well each part of both sides' predictions of one of the units is known; ``one`` is it alone."""
    prefill, decode = known_bases(one.prefill), known_bases(one.decode)
    wires = [one.prefill.wires, one.decode.wires]
    inside = bool(_inside(sides, units.take([at]))[0])
    prefill["cache transfer"] = Basis.weakest([w.basis if inside else w.out_basis for w in wires])
    return prefill, decode
