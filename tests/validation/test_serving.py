"""How near serving times come to published measurements, judged where they were not fitted.

Run with ``-s`` to see the numbers.  ``benchmarks/accuracy_serving.py`` does the same with all rows and ten
folds, which takes minutes; here every fourth row is looked at, in three folds by model x accelerator.
"""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from dcplan.calibrate import ServeRow
from dcplan.calibrate.serving import Engines, links_of, predicted_s
from dcplan.calibrate.study import study
from dcplan.catalog import load_accelerators, load_catalog_model
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.demand.types import Lengths
from dcplan.perf import Layout, Replicas, device_of, engine_of, layouts_of, parameters_of, wires_of
from dcplan.perf.numbers import row
from dcplan.perf.serving import rate_at
from published import FOLDER, rows_of
from published_disaggregated import disaggregated_rows, predicted_disaggregated_s
from published_serving import TABLE, bare_table, serve_rows, wanted
from serving_regret import Array, margins, regret

EVERY, FOLDS = 4, 3


@cache
def rows() -> tuple[ServeRow, ...]:
    """All published closed-loop runs that can have been as they say."""
    return tuple(serve_rows(rows_of(TABLE, wanted)))


def told(chosen: tuple[ServeRow, ...]) -> tuple[Array, Array]:
    """Measured TPOT and TTFT, seconds."""
    return (
        np.array([row.tpot_s for row in chosen], dtype=float),
        np.array([row.ttft_s for row in chosen], dtype=float),
    )


def errors(predicted: Array, measured: Array) -> Array:
    """Absolute errors as shares of what was measured."""
    return np.abs(predicted / measured - 1)


def test_nearly_all_published_runs_are_predicted() -> None:
    """At least 95 % of the aggregated rows of the table can be predicted at all."""
    facts = rows_of(TABLE, wanted)
    impossible = [fact for fact in facts if fact["tp"] == "72.0"]
    tpot, ttft = predicted_s(rows(), load_efficiencies())

    assert np.isfinite(tpot).all()
    assert np.isfinite(ttft).all()
    assert 1 - len(impossible) / len(facts) >= 0.95


def test_times_of_models_that_were_not_fitted_are_near() -> None:
    """Half of the held-out times per token are met within 15 %, half of those to the first within 36 %."""
    chosen = rows()[::EVERY]
    # Shipped profiles have seen all rows, so that the fit must not begin with them.
    question = Engines(chosen, bare_table()).question()
    held = study(question, FOLDS).unwrap().held_out_s
    count = len(chosen)
    tpot, ttft = (
        errors(held[part], question.measured_s[part]) for part in (slice(count), slice(count, None))
    )
    plain = regret(chosen, (held[:count], held[count:]))
    print(  # noqa: T201 - seen with pytest -s
        f"held out: TPOT median {np.median(tpot):.1%}, p90 {np.quantile(tpot, 0.9):.1%}; "
        f"TTFT median {np.median(ttft):.1%}; regret mean {plain.mean:.1%} in {plain.groups} groups"
    )

    assert np.median(tpot) <= 0.15
    assert np.median(ttft) <= 0.36


def test_shipped_profiles_reproduce_their_fit() -> None:
    """With the profiles as shipped, half of all times per token are met within 11 %, TTFT within 28 %."""
    measured = told(rows())
    tpot, ttft = (
        errors(p, m) for p, m in zip(predicted_s(rows(), load_efficiencies()), measured, strict=True)
    )

    assert np.median(tpot) <= 0.11
    assert np.median(ttft) <= 0.28


def test_a_margin_keeps_more_promises() -> None:
    """Planning against a quantile of the error breaks the SLA less often than planning against the mean."""
    predicted = predicted_s(rows(), load_efficiencies())
    measured = told(rows())
    plain = regret(rows(), predicted)
    careful = regret(rows(), predicted, margins(rows(), predicted[0], measured[0]))
    print(  # noqa: T201 - seen with pytest -s
        f"shipped profiles: regret {plain.mean:.1%}, broken {plain.violations:.1%}; "
        f"with a margin {careful.mean:.1%}, {careful.violations:.1%}"
    )

    assert careful.violations < plain.violations
    assert careful.violations <= 0.04
    assert plain.median <= 0.1


def test_disaggregated_runs_are_the_right_size() -> None:
    """Runs that nothing was fitted to, of unknown drafts: half of their times per token within 25 %."""
    runs = disaggregated_rows()
    tpot, ttft = predicted_disaggregated_s(runs, load_efficiencies())
    off = errors(tpot, np.array([run.tpot_s for run in runs]))
    later = ttft / np.array([run.ttft_s for run in runs])
    print(  # noqa: T201 - seen with pytest -s
        f"{len(runs)} disaggregated runs: TPOT median {np.median(off):.1%}, "
        f"TTFT over measured {np.median(later):.2f}"
    )

    assert np.median(off) <= 0.25


def test_a_full_vllm_server_is_as_fast_as_it_was_seen() -> None:
    """A real run with 128 requests under way on one RTX PRO 6000: the median time per token within 20 %."""
    trace = FOLDER.parent / "traces" / "validation" / "llmservingsim" / "RTXPRO6000" / "Llama-3.1-8B"
    if not trace.exists():
        pytest.skip("the recorded runs are not part of the repository: ../shared/data is absent")
    lines = (trace / "requests.jsonl").read_text(encoding="utf-8").splitlines()
    runs = [json.loads(line) for line in lines]
    first, last = (np.array([run[key] for run in runs]) for key in ("first_token_ts", "last_token_ts"))
    prompts, answers = (
        np.array([run[key] for run in runs], dtype=float) for key in ("input_toks", "output_toks")
    )
    r = replica_of_trace(prompts, answers)
    token_s = 128 / row(rate_at(r, 128.0), 0) / answers.mean()

    assert token_s == pytest.approx(np.median((last - first) / (answers - 1)), rel=0.2)


def replica_of_trace(prompts: Array, answers: Array) -> Replicas:
    """Llama 8B in bf16 on one RTX PRO 6000 under vLLM with chunks of 2,048 tokens, as the run was started."""
    chip, model = load_accelerators()["RTX-PRO-6000"], load_catalog_model("llama-3.1-8b")
    assert model is not None
    efficiency = load_efficiencies().of(chip, "vllm")
    device = device_of(chip, "bf16", efficiency)
    assert device is not None
    return Replicas(
        parameters=parameters_of(model),
        layouts=layouts_of(Layout()),
        device=device,
        wires=wires_of(links_of(chip), efficiency),
        engine=replace(engine_of(efficiency), chunk_tokens=2048.0),
        prompt=lengths_of(prompts),
        output=lengths_of(answers),
        arrival_cv2=1.0,
    )


def lengths_of(tokens: Array) -> Lengths:
    """Mean and quantiles of token counts."""
    p50, p95, p99 = np.quantile(tokens, [0.5, 0.95, 0.99])
    return Lengths(mean=float(tokens.mean()), p50=float(p50), p95=float(p95), p99=float(p99))
