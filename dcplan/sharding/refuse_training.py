"""Why there is no training layout on exactly so many accelerators, and what to do about it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.catalog.asked import untrained
from dcplan.diag import Diagnostic, did_you_mean, error, listed, plural, warning
from dcplan.perf.device import device_of
from dcplan.perf.layouts import RECOMPUTE, SCHEDULES, Layouts
from dcplan.perf.types import Layout
from dcplan.sharding.enumerate import layout_blocks, legal_splits
from dcplan.sharding.facts import missing_fact, unknown_format
from dcplan.sharding.question import TrainingQuestion, look
from dcplan.sharding.space import AXES
from dcplan.sharding.spelling import SIZES
from dcplan.sharding.survey import Survey, Wanted
from dcplan.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dcplan.catalog.efficiency import Efficiencies

WORDS = {"schedule": SCHEDULES, "recompute": RECOMPUTE}
"""Fields of a layout that are words."""

SHORT = {name: short for short, name in SIZES.items()}
"""What layouts call a field."""

PLAIN = Layout()
"""A layout that says nothing."""

LEAST = {"zero": 0, "shard": 0}
"""The least value of a field, where it is not 1."""

MOST_ZERO = 3

MOST_TOLD = 12
"""Values that a message lists."""

TRIES = 5
"""How many times the number of devices is doubled to find where a model fits."""

MOST_LOOKS = 64
"""Numbers of devices that are all looked at for the least on which a model fits: milliseconds each."""


def wrong_sizes(question: TrainingQuestion, top: int) -> list[Diagnostic]:
    """Numbers that make no sense, all at once."""
    machines, devices = question.machines, question.devices
    own = machines.machine.devices
    counted = (
        ("devices", devices),
        ("sequence_tokens", question.sequence_tokens),
        ("global_batch_sequences", question.global_batch_sequences),
        ("top", top),
    )
    out = [_wrong_size(f"{name} is {value:,}; it must be 1 or more.") for name, value in counted if value < 1]
    if devices > own and devices % own:
        near = [devices // own * own, (devices // own + 1) * own]
        out.append(
            _wrong_size(
                f"A job that is larger than one machine takes whole ones: {machines.name} has {own} "
                f"{machines.accelerator.name}, and {devices:,} is no multiple of it. Ask for {near[0]:,} "
                f"or {near[1]:,}."
            )
        )
    if machines.machines is not None and devices > machines.machines * own:
        out.append(
            _wrong_size(
                f"{devices:,} {machines.accelerator.name} were asked for, but there are only "
                f"{machines.machines * own:,} together: {machines.machines:,} x {machines.name}."
            )
        )
    return out


def _wrong_size(detail: str) -> Diagnostic:
    return error("wrong-size", "A size is wrong", detail)


def wrong_pins(pins: Mapping[str, tuple[int | str, ...]]) -> list[Diagnostic]:
    """Pins that are no field of a layout, or no value of one."""
    out = []
    for name, values in pins.items():
        if name not in AXES:
            hint = did_you_mean(name, AXES)
            detail = f'A layout has no "{name}". {hint} It has {listed(AXES)}.'
            out.append(error("unknown-layout", "Unknown part of a layout", detail.replace("  ", " ")))
        elif not values:
            detail = f"No value is allowed for {name}. Give one, or leave {name} out to try all."
            out.append(error("unknown-layout", "Unknown part of a layout", detail))
        else:
            out += [_wrong_value(name, value) for value in values if not _is_value(name, value)]
    return out


def _is_value(name: str, value: int | str) -> bool:
    if name in WORDS:
        return value in WORDS[name]
    if not isinstance(value, int) or isinstance(value, bool):
        return False
    return LEAST.get(name, 1) <= value <= (MOST_ZERO if name == "zero" else math.inf)


def _wrong_value(name: str, value: int | str) -> Diagnostic:
    if name in WORDS:
        hint = did_you_mean(str(value), WORDS[name]) or f"It is {listed(WORDS[name], last='or')}."
    elif name == "zero":
        hint = "It is 0, 1, 2 or 3."
    else:
        hint = f"It is a whole number, {LEAST.get(name, 1)} or more."
    detail = f'"{value}" is no value of {name}. {hint}'
    return error("unknown-layout", "Unknown part of a layout", detail)


def long_sequences(question: TrainingQuestion) -> list[Diagnostic]:
    """A warning where the model was made for shorter sequences."""
    model, sequence = question.model, question.sequence_tokens
    if sequence <= model.max_context:
        return []
    return [
        warning(
            "sequence-beyond-context",
            "Sequences are longer than the model's context",
            f'"{model.name}" takes {model.max_context:,} tokens; {sequence:,} were asked for. The step is '
            "predicted all the same, but the model would have to be extended first.",
        )
    ]


def missing_facts(question: TrainingQuestion, efficiencies: Efficiencies) -> list[Diagnostic]:
    """Facts of the hardware without which there is no prediction; none is ever made up."""
    machines, chip = question.machines, question.machines.accelerator
    wrong = unknown_format(question.precision) or untrained(question.precision, question.software)
    if wrong is not None:
        return [wrong]
    efficiency = efficiencies.of(chip, question.software)
    out = []
    if device_of(chip, question.precision, efficiency) is None:
        out.append(missing_fact(chip, question.precision, efficiency))
    facts = [("its memory", chip.memory_bytes), ("the bandwidth of its memory", chip.memory_bytes_per_s)]
    if question.devices > 1 and machines.links.scale_up_domain > 1:
        facts.append(("the bandwidth of its scale-up links", machines.links.scale_up.bytes_per_s))
    if question.devices > max(1, machines.links.scale_up_domain):
        facts.append(("the network bandwidth out of a machine", machines.links.scale_out.bytes_per_s))
    out += [
        error(
            "missing-hardware-fact",
            "A hardware fact is missing",
            f"Nobody says {what} for {machines.name} with {chip.name}. A step on {question.devices:,} of "
            "them depends on it, and it is not made up. Describe such machines in an inventory and plan a "
            "document with it, or name others with -on.",
        )
        for what, value in facts
        if not (value > 0 and math.isfinite(value))
    ]
    return out


def not_legal(question: TrainingQuestion, found: Survey) -> Diagnostic:
    """Every split broke a rule."""
    broken = [f"{count:,} because {says}" for says, count in found.fallen.items() if count]
    machines = question.machines
    what = f"{question.devices:,} x {machines.accelerator.name} in {machines.name}"
    tried = sum(found.fallen.values())
    told = f"Of {plural(tried, 'way')} to split it, {listed(broken)}." if tried else "No such groups fill it."
    pins = {name: values for name, values in question.pins.items() if values != (getattr(PLAIN, name),)}
    if not question.model.experts:
        # A layout without experts cuts them as it cuts the dense layers, which nobody has asked for.
        pins.pop("expert_tensor", None)
    asked = listed([_said(name, values) for name, values in pins.items()])
    hints = [_hint(question, name) for name in question.pins]
    if not any(hints):
        less = ", or pin less" if question.pins else ""
        hints = [
            f"Change the number of devices or the global batch, which data parallelism must divide{less}."
        ]
    pinned = f" with {asked}" if asked else ""
    detail = f'"{question.model.name}" cannot be trained on {what}{pinned}. {told}'
    return error("no-layout", "No layout is legal", " ".join(filter(None, [detail, *hints])))


def _said(name: str, values: Iterable[int | str]) -> str:
    """Values of a field as a layout spells them: ``tp4 or tp8``."""
    short = SHORT.get(name, "")
    return listed([f"{short}{value}" for value in values], last="or")


def _hint(question: TrainingQuestion, name: str) -> str:
    """Which values of a pinned field would be legal with everything else as it is."""
    space = question.space({key: values for key, values in question.pins.items() if key != name})
    splits, fallen = legal_splits(question.shape, space)
    seen: set[int] = set()
    for block in layout_blocks(splits, question.shape, space, fallen):
        seen.update(int(v) for v in np.unique(_column(block.layouts, name)))
    values = [WORDS[name][v] if name in WORDS else f"{SHORT[name]}{v}" for v in sorted(seen)]
    if not values:
        return ""
    shown = values if len(values) <= MOST_TOLD else [*values[: MOST_TOLD - 1], f"... {values[-1]}"]
    return f"With everything else as it is, {name.replace('_', ' ')} may be {listed(shown, last='or')}."


def _column(layouts: Layouts, name: str) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.asarray(getattr(layouts, name))


def fits_nowhere(question: TrainingQuestion, found: Survey, efficiencies: Efficiencies) -> Diagnostic:
    """Something is legal, but nothing fits the memory."""
    chip = question.machines.accelerator
    short = found.smallest_bytes - chip.memory_bytes
    return error(
        "no-layout",
        "The model does not fit",
        f'Training "{question.model.name}" in {question.precision} takes at least '
        f"{format_bytes(found.smallest_bytes)} on the fullest of {question.devices:,} {chip.name}; each has "
        f"{format_bytes(chip.memory_bytes)}: {format_bytes(short)} short. {_way_out(question, efficiencies)}",
    )


def _way_out(question: TrainingQuestion, efficiencies: Efficiencies) -> str:
    """More devices, where these would do, or less to hold."""
    # Whoever asks may get more machines, however many they have said there are.
    unbound = replace(question, machines=replace(question.machines, machines=None))
    tried = question.devices
    for doubled in range(1, TRIES + 1):
        devices = question.devices << doubled
        if wrong_sizes(replace(unbound, devices=devices), 1):
            continue
        found = _looked_at(unbound, devices, efficiencies)
        if found.fit:
            return _least(unbound, tried, devices, efficiencies)
        tried = devices if found.legal else tried
    more = f"It does not fit on {tried:,} either. " if tried > question.devices else ""
    pins = "Pin less, so that more can be split and recomputed; or take" if question.pins else "Take"
    return f"{more}{pins} accelerators with more memory, or a shorter sequence."


def _least(question: TrainingQuestion, short: int, enough: int, efficiencies: Efficiencies) -> str:
    """The least number above ``short`` on which it fits; it does on ``enough``.

    Parts that tile a machine and whole machines are looked at.  A few are all looked at, because batch and
    heads divide by some and not by others; of many the half is always left that must hold it if more
    devices never hold less.
    """
    own = question.machines.machine.devices
    sizes = [n for n in range(short + 1, enough + 1) if own % n == 0 or n % own == 0]
    if len(sizes) <= MOST_LOOKS:
        least = next(n for n in sizes if n == enough or _looked_at(question, n, efficiencies).fit)
        return f"It fits on {least:,} and on no fewer."
    low, high = -1, len(sizes) - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _looked_at(question, sizes[middle], efficiencies).fit else (middle, high)
    return f"It fits on {sizes[high]:,}."


def _looked_at(question: TrainingQuestion, devices: int, efficiencies: Efficiencies) -> Survey:
    return look(replace(question, devices=devices), efficiencies, Wanted())[1]
