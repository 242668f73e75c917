"""Trials of serving layouts: every way to keep a model in every split on every class, evaluated at once."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from dcplan.perf.decode import step_parts
from dcplan.perf.device import Device, device_of, form_on, wires_of
from dcplan.perf.engine import engine_of
from dcplan.perf.numbers import Array, Num, larger, total
from dcplan.perf.parameters import Parameters, parameters_of
from dcplan.perf.serving import Replicas, bound_parts, cache_room, longest_room, room_needed
from dcplan.perf.serving_memory import serving_memory
from dcplan.perf.speculation import Speculation
from dcplan.sharding.enumerate_serving import serving_layouts
from dcplan.sharding.legal import Enumerated
from dcplan.sharding.load import CACHE_QUANTILE, IDLE_BATCH
from dcplan.sharding.margins import margin_of, profile_for
from dcplan.sharding.types import MachineClass, Margin

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from dcplan.catalog.efficiency import Efficiencies, Efficiency, Profile
    from dcplan.catalog.types import Model
    from dcplan.demand.types import ServeDemand
    from dcplan.perf.layouts import Layouts
    from dcplan.sharding.legal import Mask
    from dcplan.sharding.ways import Way

PIPELINE_FROM = 0.6
"""Pipelines are looked at where the weights take more than this share of a machine's device memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeTrial:
    """All layouts of one machine class for one way to keep the model, and how each fares without load."""

    machines: MachineClass
    way: Way
    replicas: Replicas | None
    """None where the accelerator lacks the precision, or the engine cannot run it there."""
    count: int
    legal: Mask
    room: Array
    """Sequences of mean length for which the cache has room; 0 for what is not legal."""
    fits: Mask
    idle_s: tuple[Array, ...]
    """What each bound of the SLA is held against when there is no other request, margin included; infinite
    for what does not fit."""
    checked: tuple[Profile | None, ...]
    """How well predictions of each bound's metric were seen to hold here."""

    @property
    def margins(self) -> tuple[Margin, ...]:
        """What is put on top of the prediction of each bound."""
        return tuple(margin_of(profile) for profile in self.checked)


def try_classes(
    demand: ServeDemand,
    pairs: Iterable[tuple[MachineClass, Way]],
    efficiencies: Efficiencies,
    devices: int | None = None,
) -> list[ServeTrial]:
    """A trial of each pair of machines and way, computed up to what the load decides.

    ``devices`` keeps to layouts that fill so many devices with equal replicas.
    """
    setup = _Setup(demand, efficiencies, devices)
    trials = [setup.trial(machines, way) for machines, way in pairs]
    rows = [trial.legal if trial.replicas is not None else trial.fits for trial in trials]
    r = together(trials, rows)
    if r is None:
        return trials
    room = np.broadcast_to(np.asarray(cache_room(r), dtype=np.float64), (len(r.layouts),))
    fits = np.asarray(room >= least_room(r))
    idle = np.full((len(demand.bounds), len(room)), np.inf)
    if fits.any():
        fitting = r.take(fits)
        for which, bound in enumerate(demand.bounds):
            idle[which, fits] = total(bound_parts(fitting, IDLE_BATCH, bound))
    return list(_told(trials, rows, room, fits, idle))


def trial_of(
    demand: ServeDemand, machines: MachineClass, way: Way, efficiencies: Efficiencies, layouts: Layouts
) -> ServeTrial:
    """The trial of these very layouts, with nothing computed yet; all of them must be legal."""
    legal = np.ones(len(layouts), dtype=bool)
    enumerated = Enumerated(layouts=layouts, legal=legal)
    return _Setup(demand, efficiencies, None, enumerated).trial(machines, way)


def together(trials: Sequence[ServeTrial], rows: Sequence[Mask]) -> Replicas | None:
    """The replicas of these rows of all trials, one after the other; None for no row."""
    some = [(trial.replicas, mask) for trial, mask in zip(trials, rows, strict=True) if mask.any()]
    members = [(r, mask) for r, mask in some if r is not None]
    if not members:
        return None
    first = members[0][0]
    masks = [mask for _, mask in members]
    # Requests are the same for all, so that their numbers stay single.
    columns = {
        name: _joined([getattr(r, name) for r, _ in members], masks)
        for name in ("parameters", "layouts", "device", "wires", "engine", "speculation")
    }
    return replace(first, **columns)


def _joined(items: Sequence[Any], masks: Sequence[Mask]) -> Any:
    """One value with the numbers of all items, each for the rows of its mask; names are the first one's."""
    columns: dict[str, Any] = {}
    for one in fields(items[0]):
        values = [getattr(item, one.name) for item in items]
        if is_dataclass(values[0]):
            columns[one.name] = _joined(values, masks)
        elif isinstance(values[0], int | float | np.number | np.ndarray):
            columns[one.name] = np.concatenate(
                [np.broadcast_to(value, mask.shape)[mask] for value, mask in zip(values, masks, strict=True)]
            ).astype(np.float64)
    return replace(items[0], **columns)


def least_room(r: Replicas) -> Num:
    """Room that the cache must have at least: for one long request, and for a nearly idle replica."""
    return larger(longest_room(r), room_needed(r, IDLE_BATCH, CACHE_QUANTILE))


def _told(
    trials: Sequence[ServeTrial], rows: Sequence[Mask], room: Array, fits: Mask, idle: Array
) -> Iterable[ServeTrial]:
    """The trials with their share of what was computed for all of them together."""
    start = 0
    for trial, mask in zip(trials, rows, strict=True):
        end = start + int(mask.sum())
        own_room, own_fits = trial.room.copy(), trial.fits.copy()
        own_room[mask], own_fits[mask] = room[start:end], fits[start:end]
        seconds = []
        for which, margin in enumerate(trial.margins):
            own = np.full(trial.count, np.inf)
            own[mask] = idle[which, start:end] * margin.factor
            seconds.append(own)
        start = end
        yield replace(trial, room=own_room, fits=own_fits, idle_s=tuple(seconds))


class _Setup:
    """What several trials have in common, looked up once."""

    def __init__(
        self,
        demand: ServeDemand,
        efficiencies: Efficiencies,
        devices: int | None,
        given: Enumerated | None = None,
    ) -> None:
        self.demand, self.table, self.devices, self.given = demand, efficiencies, devices, given
        self.parameters: dict[int, Parameters] = {}
        self.efficiencies: dict[str, Efficiency] = {}
        self.device: dict[tuple[str, str, str], Device | None] = {}
        self.layouts: dict[tuple[object, ...], Enumerated] = {}

    def trial(self, machines: MachineClass, way: Way) -> ServeTrial:
        """The trial of a pair before anything is computed."""
        chip, software = machines.accelerator, self.demand.software
        enumerated = self._layouts(machines, way)
        count = len(enumerated.layouts)
        # Parts of a GPU have no way to each other.
        legal = enumerated.legal & (enumerated.layouts.devices == 1) if chip.is_part else enumerated.legal
        if chip.name not in self.efficiencies:
            self.efficiencies[chip.name] = self.table.of(chip, software)
        efficiency = self.efficiencies[chip.name]
        device = self._device(machines, way, efficiency)
        replicas = None
        if device is not None:
            replicas = Replicas(
                parameters=self._parameters(way.model),
                layouts=enumerated.layouts,
                device=device,
                wires=wires_of(machines.links, efficiency, machines.machine.fabric),
                engine=engine_of(efficiency, form_on(chip, way.form)),
                prompt=self.demand.prompt_tokens,
                output=self.demand.output_tokens,
                arrival_cv2=self.demand.arrival_cv2,
                cached_share=self.demand.prefix_hit_rate,
            )
            replicas = self._speculating(replicas, way)
        return ServeTrial(
            machines=machines,
            way=way,
            replicas=replicas,
            count=count,
            legal=legal,
            room=np.zeros(count),
            fits=np.zeros(count, dtype=bool),
            idle_s=tuple(np.full(count, np.inf) for _ in self.demand.bounds),
            checked=tuple(
                profile_for(self.table, chip.name, software, way.form.weights, bound.metric)
                for bound in self.demand.bounds
            ),
        )

    def _speculating(self, r: Replicas, way: Way) -> Replicas:
        """The replicas with their draft model beside them, if there is one.

        The draft is split as the model is and kept in the same format; what it
        holds is taken from the memory that the model finds.
        """
        how = self.demand.speculative
        if how is None or way.draft is None:
            return r
        draft = replace(r, parameters=self._parameters(way.draft))
        share = total(step_parts(draft, 1.0, 1.0)) / total(step_parts(r, 1.0, 1.0))
        held = serving_memory(draft.parameters, r.layouts, r.device, r.engine, 0.0).weights_bytes
        return replace(
            r,
            device=replace(r.device, memory_bytes=r.device.memory_bytes - held),
            speculation=Speculation(
                drafts=float(how.tokens), acceptance=how.acceptance, draft_share=np.asarray(share)
            ),
        )

    def _parameters(self, model: Model) -> Parameters:
        key = id(model)
        if key not in self.parameters:
            self.parameters[key] = parameters_of(model)
        return self.parameters[key]

    def _device(self, machines: MachineClass, way: Way, efficiency: Efficiency) -> Device | None:
        """The device with the model in this way; None where that does not run."""
        key = (machines.accelerator.name, way.form.name, way.pattern)
        if key not in self.device:
            runs = way.runs_on(self.demand.software, machines.accelerator)
            self.device[key] = device_of(machines.accelerator, way.form, efficiency) if runs else None
        return self.device[key]

    def _layouts(self, machines: MachineClass, way: Way) -> Enumerated:
        """The layouts of a model on machines of this shape, or those that were given."""
        if self.given is not None:
            return self.given
        memory = machines.machine.devices * machines.accelerator.memory_bytes
        weights = float(self._parameters(way.model).total) * way.form.experts.bytes
        pipelines = weights > PIPELINE_FROM * memory
        domain = machines.links.scale_up_domain
        key = (
            id(way.model),
            way.form.weights,
            machines.machine.devices,
            domain,
            machines.machines,
            pipelines,
        )
        if key not in self.layouts:
            self.layouts[key] = serving_layouts(
                way.model, machines, way.form, pipelines=pipelines, devices=self.devices
            )
        return self.layouts[key]
