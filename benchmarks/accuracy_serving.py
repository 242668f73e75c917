"""How near predicted serving times are to published ones, and what choosing by them costs.

    python benchmarks/accuracy_serving.py [--write] [--rows N]

Fits the figures of serving engines to all published closed-loop runs, judges them by
cross-validation over groups of model x accelerator and by leaving out whole sources,
and prints both, with the regret of configurations chosen by held-out predictions and
with runs that were never fitted: disaggregated ones.  ``--write`` writes the profiles
that ship with dcplan; ``--rows`` also prints the N rows that are predicted worst.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from dcplan.calibrate import ServeRow, over, profile_text, table_of  # noqa: E402 - as above
from dcplan.calibrate.judge import errors_of  # noqa: E402 - as above
from dcplan.calibrate.serving import FOLDS, Engines, calibrations  # noqa: E402 - as above
from dcplan.calibrate.study import study  # noqa: E402 - as above
from dcplan.catalog import Source  # noqa: E402 - as above
from dcplan.catalog.efficiency import Efficiencies  # noqa: E402 - as above
from published import rows_of  # noqa: E402 - needs the path above
from published_disaggregated import disaggregated_rows, predicted_disaggregated_s  # noqa: E402 - as above
from published_serving import TABLE, bare_table, serve_rows, wanted  # noqa: E402 - as above
from serving_regret import expected_regret, floors, margins, regret, spreads  # noqa: E402 - as above

FOLDER = ROOT / "dcplan" / "catalog" / "data" / "profiles"
DATE = "2026-04"
QUANTILES = (0.6, 0.7, 0.8, 0.9)
WORDS = "rows groups  median   mean    p90    bias"
Array = np.ndarray


def main() -> None:
    """Fit, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write the profiles that ship with dcplan")
    parser.add_argument("--rows", type=int, default=0, help="print so many of the worst rows")
    options = parser.parse_args()
    facts = rows_of(TABLE, wanted)
    rows, bare = serve_rows(facts), bare_table()
    engines = Engines(rows, bare)
    begun = time.perf_counter()
    done = study(engines.question(), FOLDS).unwrap()
    print(f"{len(facts)} aggregated rows, {len(rows)} measurements that can be, all predicted; "
          f"{len(engines.figures.parameters)} constants in {time.perf_counter() - begun:.0f} s")  # fmt: skip
    for one in done.fit.fitted:
        print(f"  {one.parameter.name:44} {one.value:9.4g}  {one.low:.3g} to {one.high:.3g}")
    told = engines.told
    for title, seconds in (("in sample", done.fit.predicted_s), ("held out by model x accelerator",
                           done.held_out_s), ("left out by source", done.source_out_s)):  # fmt: skip
        both = np.full(engines.there.shape, np.nan)
        both[engines.there] = seconds
        for metric, predicted, measured in zip(("TPOT", "TTFT"), both, told, strict=True):
            print_table(f"{metric} {title}", rows, predicted, measured)
    held = np.full(engines.there.shape, np.nan)
    held[engines.there] = done.held_out_s
    print_regret(rows, held, told)
    print_worst(rows, held[0], told[0], options.rows)
    found = [replace(one, source=source(one.software, rows)) for one in calibrations(engines, done, bare)]
    print_disaggregated(over(bare, table_of(found)))
    if options.write:
        for software in sorted({row.software for row in rows}):
            text = profile_text([one for one in found if one.software == software], DATE)
            (FOLDER / f"{software}.yaml").write_text(text, encoding="utf-8")


def source(software: str, rows: Sequence[ServeRow]) -> Source:
    """Who measured an engine, and its versions."""
    versions = sorted({row.version for row in rows if row.software == software and row.version})
    span = f"{versions[0]} to {versions[-1]}" if versions else "version unknown"
    return Source(name=f"InferenceX and the aiconfigurator 0.12 silicon sample, {software} {span}", date=DATE)


def slices(rows: Sequence[ServeRow]) -> Iterator[tuple[str, Callable[[ServeRow], bool]]]:
    """What errors are told by."""
    yield "all", lambda _: True
    for field in ("accelerator", "software", "model", "precision"):
        for value in sorted({getattr(row, field) for row in rows}):
            yield f"  {value}", lambda row, f=field, v=value: getattr(row, f) == v


def print_table(title: str, rows: Sequence[ServeRow], predicted: Array, measured: Array) -> None:
    """Errors by slice."""
    print(f"\n{title:44} {WORDS}")
    for label, chosen in slices(rows):
        index = np.array([i for i, row in enumerate(rows) if chosen(row)])
        groups = [f"{rows[i].model} on {rows[i].accelerator}" for i in index]
        errors = errors_of(predicted[index], measured[index], groups)
        if errors is not None:
            print(
                f"{label:44} {errors.rows:4} {errors.groups:6}  {errors.median:6.1%} {errors.mean:6.1%} "
                f"{errors.p90:6.1%} {errors.bias:+7.1%}"
            )


def print_regret(rows: Sequence[ServeRow], held: Array, told: Array) -> None:
    """Regret of choices by the margin that is planned with, and the least that it could be."""
    print("\nregret of choices by held-out predictions")
    predicted = (held[0], held[1])
    found = [("no margin", regret(rows, predicted))]
    for quantile in QUANTILES:
        margin = margins(rows, held[0], told[0], quantile)
        kept = np.mean(told[0] <= held[0] * margin)
        found.append((f"margin p{100 * quantile:.0f}, {kept:.0%} of rows below",
                      regret(rows, predicted, margin)))  # fmt: skip
    spread = spreads(rows, held[0], told[0])
    found.append(("most expected tokens/s", expected_regret(rows, predicted, spread)))
    for label, one in (*found, *floors(rows, held)):
        print(f"  {label:44} {one.choices} choices in {one.groups} groups: mean {one.mean:.1%}, median "
              f"{one.median:.1%}, SLA broken {one.violations:.1%}")  # fmt: skip
    print("\nregret with the margin p80 by engine")
    for engine in sorted({row.software for row in rows}):
        mine = np.array([row.software == engine for row in rows])
        own = [row for row in rows if row.software == engine]
        margin = margins(rows, held[0], told[0])[mine]
        for label, one in (("no margin", regret(own, (held[0][mine], held[1][mine]))),
                           ("margin p80", regret(own, (held[0][mine], held[1][mine]), margin))):  # fmt: skip
            print(f"  {engine:8} {label:12} {one.choices} choices: mean {one.mean:.1%}, "
                  f"median {one.median:.1%}, SLA broken {one.violations:.1%}")  # fmt: skip


def print_worst(rows: Sequence[ServeRow], predicted: Array, measured: Array, count: int) -> None:
    """The rows that are predicted worst."""
    error = predicted / measured - 1
    for i in np.argsort(-np.abs(error))[:count]:
        row = rows[i]
        print(f"{error[i]:+8.1%} {row.model} {row.accelerator} {row.software} {row.version} {row.precision} "
              f"TP{row.tensor} DP{row.attention_data} EP{row.expert} {row.prompt_tokens}/{row.output_tokens} "
              f"x {row.concurrency}")  # fmt: skip


def print_disaggregated(table: Efficiencies) -> None:
    """Runs that nothing was fitted to."""
    rows = disaggregated_rows()
    tpot, ttft = predicted_disaggregated_s(rows, table)
    print(f"\ndisaggregated, never fitted: {len(rows)} rows")
    for metric, predicted, measured in (
        ("TPOT", tpot, np.array([row.tpot_s for row in rows])),
        ("TTFT", ttft, np.array([row.ttft_s for row in rows])),
    ):
        errors = errors_of(predicted, measured, [row.model for row in rows])
        if errors is not None:
            print(f"  {metric} median {errors.median:.1%}, p90 {errors.p90:.1%}, bias {errors.bias:+.1%}")


if __name__ == "__main__":
    main()
