"""Predicted times per output token beside published ones.  No figure was fitted to these rows."""

from __future__ import annotations

import statistics

import numpy as np

from dcplan.basis import Basis
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.demand.types import Lengths
from dcplan.perf.device import device_of, wires_of
from dcplan.perf.engine import engine_of
from dcplan.perf.layouts import layouts_of
from dcplan.perf.numbers import row, total
from dcplan.perf.parameters import parameters_of
from dcplan.perf.serving import Replicas, decode_parts, prefill_parts, prefill_work_s
from dcplan.perf.types import Layout
from dcplan.topology.types import Link, PoolLinks
from published import Row, accelerator, model_of, rows_of, whole

CHIPS = ("H100-SXM", "H200-SXM", "B200")
PRECISIONS = {"bf16": "bf16", "fp8": "fp8", "fp8_block": "fp8"}


def usable(fact: Row) -> bool:
    """Whether a row tells everything, of a plain layout and of attention that the model knows."""
    told = all(
        fact[key]
        for key in ("tp", "concurrency", "isl", "osl", "tpot_ms", "ttft_ms", "n_layers", "ffn_hidden")
    )
    plain = fact["mode"] == "agg" and fact["pp"] in ("", "1", "1.0") and fact["attn_dp"] in ("", "1", "1.0")
    known = "Llama" in fact["model"] or fact["model"].startswith("Qwen/Qwen3-")
    return (
        told and plain and known and fact["accelerator"] in CHIPS and fact["weight_precision"] in PRECISIONS
    )


def predicted_s(fact: Row) -> tuple[float, float]:
    """TPOT at the published concurrency, and the prefill of one prompt, seconds."""
    chip = accelerator(fact["accelerator"])
    efficiency = load_efficiencies().of(chip)
    device = device_of(chip, PRECISIONS[fact["weight_precision"]], efficiency)
    assert device is not None
    link = Link(bytes_per_s=chip.scale_up_bytes_per_s, latency_s=1e-6, basis=Basis.ASSUMED)
    links = PoolLinks(pool="published", scale_up_domain=8, scale_up=link, scale_out=link)
    prompt, output = whole(fact, "isl"), whole(fact, "osl")
    model, tensor = model_of(fact, gated_ffn=True), whole(fact, "tp")
    replicas = Replicas(
        parameters=parameters_of(model),
        layouts=layouts_of(Layout(tensor=tensor, expert=max(1, whole(fact, "ep", 1)))),
        device=device,
        wires=wires_of(links, efficiency),
        engine=engine_of(efficiency),
        prompt=Lengths(mean=prompt, p50=prompt, p95=prompt, p99=prompt),
        output=Lengths(mean=output, p50=output, p95=output, p99=output),
        arrival_cv2=1.0,
    )
    batch = float(whole(fact, "concurrency"))
    tpot = total(decode_parts(replicas, batch)) + batch * prefill_work_s(replicas) / output
    return row(tpot, 0), row(total(prefill_parts(replicas, float(prompt))), 0)


def test_times_per_output_token_are_near_published_ones() -> None:
    """Half of the published times per token of Llama and Qwen3 replicas are met within 40 %."""
    rows = rows_of("inference_measured.csv", usable)
    groups: dict[str, list[float]] = {}
    ttft = []
    for fact in rows[:: max(1, len(rows) // 200)]:
        tpot, prefill = predicted_s(fact)
        error = tpot / (float(fact["tpot_ms"]) / 1e3) - 1
        key = f"{fact['accelerator']:9} {fact['model'][:34]:34} {fact['weight_precision']:9}"
        groups.setdefault(key, []).append(error)
        ttft.append(prefill / (float(fact["ttft_ms"]) / 1e3) - 1)
    everything = [error for errors in groups.values() for error in errors]
    for key, errors in sorted(groups.items()):
        print(  # noqa: T201 - seen with pytest -s
            f"{key} {len(errors):4d} rows, median error {np.median(np.abs(errors)):6.1%}, "
            f"bias {np.median(errors):+6.1%}"
        )
    print(  # noqa: T201 - seen with pytest -s
        f"{len(everything)} rows, median error {np.median(np.abs(everything)):.1%}, "
        f"bias {np.median(everything):+.1%}; prefill over TTFT bias {np.median(ttft):+.1%}"
    )

    assert len(everything) >= 50
    assert statistics.median(abs(e) for e in everything) < 0.40
