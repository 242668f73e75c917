"""How near predicted training steps are to published ones that were not fitted.

    python benchmarks/accuracy_training.py [--write] [--rows N] [--table FILE]

Fits the figures of training frameworks to all published steps, judges them by
cross-validation over groups of model x accelerator and by leaving out whole
sources, and prints both.  ``--write`` writes them to the profiles that ship with
dcplan; ``--rows`` also prints the N rows that are predicted worst.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from dcplan.calibrate.calibration import rounded  # noqa: E402 - as above
from dcplan.calibrate.judge import Errors, errors_of  # noqa: E402 - as above
from dcplan.calibrate.steps import METRIC, Knob, Step  # noqa: E402 - as above
from dcplan.calibrate.study import Study, study  # noqa: E402 - as above
from published_training import TABLE, counted_rows, published_steps  # noqa: E402 - needs the path above
from training_study import bare_table, training_knobs, training_question  # noqa: E402 - as above

FOLDER = ROOT / "dcplan" / "catalog" / "data" / "profiles"
SOURCES = {
    "megatron": "published steps: Megatron-LM SC21 (arXiv 2104.04473), MT-NLG (arXiv 2201.11990), "
    "Megatron-Core r0.8 README, Megatron-Bridge performance summaries 25.09 to 26.08",
    "fsdp": "published steps: mosaicml/llm-foundry, scripts/train/benchmarking",
    "maxtext": "published steps: AI-Hypercomputer maxtext and tpu-recipes, PaLM (arXiv 2204.02311)",
    "deepspeed": "published steps: ZeRO-3 without model parallelism in Megatron-LM SC21 (arXiv 2104.04473)",
}
DATES = {"megatron": "2026-08", "fsdp": "2024", "maxtext": "2026", "deepspeed": "2021-04"}
WORDS = "rows groups  median   mean    p90    bias"


def main() -> None:
    """Fit, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the profiles that ship with dcplan")
    parser.add_argument("--rows", type=int, default=0, help="print so many of the worst rows")
    parser.add_argument("--table", type=Path, default=TABLE, help="the published rows")
    options = parser.parse_args()
    steps, table = published_steps(options.table), bare_table()
    done = study(training_question(steps, table)).unwrap()
    knobs = training_knobs(steps, table)
    print(f"{len(steps)} of {counted_rows(options.table)} published rows are predicted")
    _print_constants(done)
    for title, predicted in (("in sample", done.fit.predicted_s), ("held out by model x accelerator, 5 folds",
                             done.held_out_s), ("left out by source", done.source_out_s)):  # fmt: skip
        _print_table(title, steps, predicted, done)
    _print_worst(steps, done, options.rows)
    if options.write:
        for framework in SOURCES:
            text = profile_text(framework, steps, knobs, done)
            (FOLDER / f"{framework}.yaml").write_text(text, encoding="utf-8")


def _print_constants(done: Study) -> None:
    for one in done.fit.fitted:
        told = "" if one.moved else "  as before"
        print(f"  {one.parameter.name:42} {one.value:9.4g}  {one.low:.3g} to {one.high:.3g}{told}")


def slices(steps: Sequence[Step]) -> Iterator[tuple[str, Callable[[Step], bool]]]:
    """What errors are told by."""
    yield "all", lambda _: True
    yield "dense", lambda step: not step.model.experts
    yield "MoE", lambda step: step.model.experts > 0
    yield "  of these hybrids", lambda step: step.model.experts > 0 and step.model.linear_layers > 0
    for source in sorted({step.source for step in steps}):
        yield source, lambda step, own=source: step.source == own
    for chip in sorted({step.accelerator.name for step in steps}):
        yield chip, lambda step, own=chip: step.accelerator.name == own


def _print_table(title: str, steps: Sequence[Step], predicted: np.ndarray, done: Study) -> None:
    print(f"\n{title:48} {WORDS}")
    for label, wanted in slices(steps):
        errors = errors_over(steps, predicted, done, wanted)
        if errors is not None:
            print(
                f"{label[:48]:48} {errors.rows:4} {errors.groups:6}  {errors.median:6.1%} {errors.mean:6.1%} "
                f"{errors.p90:6.1%} {errors.bias:+7.1%}"
            )


def errors_over(
    steps: Sequence[Step], predicted: np.ndarray, done: Study, wanted: Callable[[Step], bool]
) -> Errors | None:
    """Errors over some of the steps."""
    index = np.array([i for i, step in enumerate(steps) if wanted(step)], dtype=np.intp)
    groups = [steps[i].group for i in index]
    return errors_of(predicted[index], done.question.measured_s[index], groups)


def _print_worst(steps: Sequence[Step], done: Study, count: int) -> None:
    error = done.held_out_s / done.question.measured_s - 1
    for i in np.argsort(-np.abs(error))[:count]:
        step = steps[i]
        what = f"{step.model.name} {step.accelerator.name} {step.precision} {step.layout}"
        print(f"{error[i]:+7.1%} {step.name} {what}")


def profile_text(framework: str, steps: Sequence[Step], knobs: Sequence[Knob], done: Study) -> str:
    """One framework's figures and judgements as the catalogue's table holds them."""
    lines = [
        "# Training: figures fitted to published steps, and how well they predict others that were not.",
        "# Written by benchmarks/accuracy_training.py --write; errors are 5-fold, by model x accelerator.",
        "# A figure that rows hardly narrow down stands where it was believed to be: basis assumed.",
        "sources:",
        f'  steps: {{name: "{SOURCES[framework]}", date: "{DATES[framework]}"}}',
        "rows:",
    ]
    for knob, one in zip(knobs, done.fit.fitted, strict=True):
        for of, software in knob.places:
            if software.partition("@")[0] == framework:
                basis = "calibrated" if one.moved else "assumed"
                place = f'of: {of}, with: "{software}", figure: {knob.figure}'
                lines.append(f"  - {{{place}, value: {_number(one.value)}, basis: {basis}, from: steps}}")
    lines.append("profiles:")
    mine = {(s.accelerator.name, s.precision) for s in steps if s.framework == framework}
    kinds = [*sorted(mine), *((chip, "any") for chip in sorted({a for a, _ in mine})), ("any", "any")]
    lines += [_profile(framework, chip, precision, steps, done) for chip, precision in kinds]
    return "\n".join(lines) + "\n"


def _profile(framework: str, chip: str, precision: str, steps: Sequence[Step], done: Study) -> str:
    def wanted(step: Step) -> bool:
        there = step.framework == framework and chip in {"any", step.accelerator.name}
        return there and precision in {"any", step.precision}

    errors = errors_over(steps, done.held_out_s, done, wanted)
    if errors is None:
        msg = f"{framework} on {chip} in {precision} has no held-out row."
        raise RuntimeError(msg)
    members = [step for step in steps if wanted(step)]
    spans = ", ".join(f"{name}: [{low:g}, {high:g}]" for name, (low, high) in range_of(members).items())
    return (
        f"  - {{accelerator: {chip}, software: {framework}, precision: {precision}, metric: {METRIC}, "
        f'date: "{max(step.date for step in members)}", rows: {errors.rows}, groups: {errors.groups}, '
        f"median: {_number(errors.median)}, p90: {_number(errors.p90)}, bias: {_number(errors.bias)}, "
        f"slow80: {_number(errors.slow80)}, range: {{{spans}}}, from: steps}}"
    )


def range_of(steps: Sequence[Step]) -> Mapping[str, tuple[float, float]]:
    """Smallest and largest of what steps cover."""
    cells = {
        "devices": [layout_devices(step) for step in steps],
        "sequence_tokens": [step.sequence_tokens for step in steps],
        "global_batch_sequences": [step.global_batch for step in steps],
        **{
            name: [float(getattr(step.layout, name)) for step in steps]
            for name in ("tensor", "pipeline", "expert", "context", "micro_batch")
        },
    }
    return {name: (min(values), max(values)) for name, values in cells.items()}


def layout_devices(step: Step) -> float:
    """Devices of a step."""
    layout = step.layout
    return float(layout.tensor * layout.pipeline * layout.context * layout.data)


def _number(value: float) -> str:
    text = f"{rounded(value):.4g}"
    mantissa, letter, exponent = text.partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent}" if letter else text


if __name__ == "__main__":
    main()
