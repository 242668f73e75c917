"""The question for the best training layouts of one model on exactly so many accelerators."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dcplan.perf.device import device_of, wires_of
from dcplan.perf.framework import framework_of
from dcplan.perf.layouts import SHARDED_GRADIENTS, layouts_of
from dcplan.perf.parameters import parameters_of
from dcplan.perf.training import Jobs
from dcplan.perf.types import Layout
from dcplan.sharding.space import NOT_SHARING_IN_PIPELINES, Space, schedules_of, shape_of, whole_space
from dcplan.sharding.survey import Survey, Wanted, survey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.catalog.efficiency import Efficiencies
    from dcplan.catalog.types import Model
    from dcplan.sharding.legal_training import Shape
    from dcplan.sharding.types import MachineClass
    from dcplan.topology.types import PoolLinks


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingQuestion:
    """A model, so many accelerators, and how it is trained."""

    model: Model
    machines: MachineClass
    devices: int
    """All of them are used."""
    sequence_tokens: int
    global_batch_sequences: int
    precision: str = "bf16"
    software: str = "megatron"
    """The training framework, by the name of its profile; it decides which schedules there are."""
    beyond_software: bool = False
    """Whether schedules and sharing that the framework is known to lack are looked at, too."""
    pins: Mapping[str, tuple[int | str, ...]] = field(default_factory=dict)
    """Values that are allowed, by the field of ``Layout``: ``{"tensor": (8,), "recompute": ("none",)}``."""

    @property
    def shape(self) -> Shape:
        """What the rules of legal layouts must know."""
        sequence, batch = self.sequence_tokens, self.global_batch_sequences
        return shape_of(self.model, self.machines, sequence, batch, self._able)

    @property
    def _able(self) -> str:
        """The framework whose abilities count; one that nobody knows can do everything."""
        return "" if self.beyond_software else self.software.partition("@")[0]

    def space(self, pins: Mapping[str, tuple[int | str, ...]]) -> Space:
        """Everything that is looked at when these values are pinned."""
        domain = self.machines.links.scale_up_domain
        return whole_space(self.shape, self.devices, domain, self._able).pinned(pins)


def lacks(software: str, layout: Layout) -> list[str]:
    """What a layout has that the framework is known to lack, in words; nothing where all may be there.

    Sources: those of ``space.SCHEDULES_OF`` and ``space.NOT_SHARING_IN_PIPELINES``.
    """
    plain, out = software.partition("@")[0], []
    if layout.pipeline > 1 and layout.schedule not in schedules_of(plain):
        out.append(f"the schedule {layout.schedule}")
    if layout.pipeline > 1 and layout.zero >= SHARDED_GRADIENTS and plain in NOT_SHARING_IN_PIPELINES:
        out.append(f"ZeRO-{layout.zero} in a pipeline")
    return out


def look(question: TrainingQuestion, efficiencies: Efficiencies, wanted: Wanted) -> tuple[Jobs, Survey]:
    """Go through all layouts of a question that was checked; the job is on one device for now."""
    machines = question.machines
    efficiency = efficiencies.of(machines.accelerator, question.software)
    device = device_of(machines.accelerator, question.precision, efficiency)
    if device is None:
        msg = "a question about hardware of which a fact is missing. This is a bug in dcplan."
        raise RuntimeError(msg)
    job = Jobs(
        parameters=parameters_of(question.model),
        layouts=layouts_of(Layout()),
        device=device,
        wires=wires_of(_used(machines.links, question.devices), efficiency, machines.machine.fabric),
        framework=framework_of(efficiency, question.precision),
        sequence=question.sequence_tokens,
        global_batch=question.global_batch_sequences,
    )
    return job, survey(job, question.shape, question.space(question.pins), wanted)


def _used(links: PoolLinks, devices: int) -> PoolLinks:
    """The links that so many devices use: inside one scale-up domain none between machines, known or not."""
    if devices > links.scale_up_domain:
        return links
    return replace(links, scale_out=links.scale_up)
