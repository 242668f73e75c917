"""The best training layouts of one model on exactly so many accelerators, whatever they cost."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.diag import Result
from dcplan.sharding.margins import STEP, profile_for, step_notes
from dcplan.sharding.question import TrainingQuestion, look
from dcplan.sharding.refuse_training import (
    fits_nowhere,
    long_sequences,
    missing_facts,
    not_legal,
    wrong_pins,
    wrong_sizes,
)
from dcplan.sharding.survey import Wanted
from dcplan.sharding.train import Step, step_of
from dcplan.sharding.types import Search

if TYPE_CHECKING:
    from dcplan.catalog.efficiency import Efficiencies, Profile
    from dcplan.diag import Diagnostic
    from dcplan.perf.training import Jobs
    from dcplan.perf.types import Layout
    from dcplan.sharding.survey import Kept, Survey

FLOPS_CONVENTION = (
    "6 FLOPs a parameter and token plus the pairs that are attended to (half of all where attention is "
    "causal), nothing that is recomputed, over the dense peak"
)
"""What ``model_flops_utilisation`` counts: Chowdhery et al. 2022 (PaLM, arXiv 2204.02311) appendix B,
halved for a causal mask."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedLayout:
    """One layout and what a step does on it."""

    layout: Layout
    devices: int
    step: Step
    memory_share: float
    """Of the device's memory that is taken, the framework's own included."""
    memory_slack_bytes: float
    """What is left of it."""
    notes: tuple[str, ...]
    """What the prediction goes beyond."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRanking:
    """The best layouts that there are."""

    best: tuple[RankedLayout, ...]
    """Fastest first, each split of the devices with the best of its options."""
    front: tuple[RankedLayout, ...]
    """Of each eighth of the memory the fastest, where it is faster than all with less; fastest first."""
    search: Search
    evaluated: int
    """Layouts whose step was computed; a lower bound ruled out the others that fit."""


def best_training_layouts(
    question: TrainingQuestion, efficiencies: Efficiencies, top: int = 10
) -> Result[TrainingRanking]:
    """The ``top`` fastest layouts by step time, and the front of time and memory.

    Errors, none of which has a path: ``wrong-size`` (devices, batch, sequence),
    ``unknown-precision``, ``missing-hardware-fact``, ``unknown-layout`` (a pin
    that is none), ``no-layout`` (nothing is legal, or nothing fits).  Warning:
    ``sequence-beyond-context``.
    """
    started = time.perf_counter()
    problems: list[Diagnostic] = [*wrong_sizes(question, top), *wrong_pins(question.pins)]
    problems += missing_facts(question, efficiencies)
    if problems:
        return Result(None, tuple(problems))
    job, found = look(question, efficiencies, Wanted(top=top))
    if not found.legal:
        return Result(None, (not_legal(question, found),))
    if not found.fit:
        return Result(None, (fits_nowhere(question, found, efficiencies),))
    chip = question.machines.accelerator.name
    checked = profile_for(efficiencies, chip, question.software, question.precision, STEP)
    ranked = _ranked(job, found.splits.take(slice(top)), checked)
    return Result(
        TrainingRanking(
            best=ranked,
            front=_ranked(job, found.front, checked),
            search=_report(question, found, len(ranked), time.perf_counter() - started),
            evaluated=found.evaluated,
        ),
        tuple(long_sequences(question)),
    )


def _ranked(job: Jobs, kept: Kept, checked: Profile | None) -> tuple[RankedLayout, ...]:
    """What was kept, with all parts of its step."""
    out = []
    for index in range(len(kept.seconds)):
        one = replace(job, layouts=kept.layouts.take([index]))
        step = step_of(one)
        out.append(
            RankedLayout(
                layout=one.layouts.one(0),
                devices=int(one.layouts.devices[0]),
                step=step,
                memory_share=step.memory.total_bytes / float(job.device.memory_bytes),
                memory_slack_bytes=float(job.device.memory_bytes) - step.memory.total_bytes,
                notes=step_notes(checked, one),
            )
        )
    return tuple(out)


def _report(question: TrainingQuestion, found: Survey, shown: int, wall_s: float) -> Search:
    """The tally: a split that a rule turned away counts once, every other layout for itself."""
    dropped = [
        *found.fallen.items(),
        ("do not fit memory", found.legal - found.fit),
        ("cannot be among the best (lower bound)", found.fit - found.evaluated),
        ("slower", found.evaluated - shown),
    ]
    return Search(
        workload=question.model.name,
        considered=found.considered,
        dropped=tuple(dropped),
        remain=shown,
        wall_s=wall_s,
    )
