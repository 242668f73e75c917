"""Predicted times per output token beside published ones.  No figure was fitted to these rows."""

from __future__ import annotations

import csv
import statistics
from pathlib import Path

import numpy as np
import pytest

from dcplan.basis import Basis
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.catalog.types import Accelerator, AcceleratorKind, AttentionKind, Model, Source
from dcplan.demand.types import Lengths
from dcplan.perf.device import device_of, wires_of
from dcplan.perf.layouts import layouts_of
from dcplan.perf.numbers import row, total
from dcplan.perf.parameters import parameters_of
from dcplan.perf.serving import Replicas, decode_parts, prefill_parts, prefill_work_s
from dcplan.perf.types import Layout
from dcplan.topology.types import Link, PoolLinks

PUBLISHED = Path(__file__).parents[3].parent / "shared" / "data" / "performance" / "inference_measured.csv"
HERE = Source(name="published table", date="2025")
CHIPS = {
    "H100-SXM": ("H100", 80e9, 3350e9, 989.5e12, 1979e12, 450e9),
    "H200-SXM": ("H200", 141e9, 4800e9, 989.5e12, 1979e12, 450e9),
    "B200": ("B200", 180e9, 7700e9, 2250e12, 4500e12, 900e9),
}
PRECISIONS = {"bf16": "bf16", "fp8": "fp8", "fp8_block": "fp8"}


def accelerator(name: str) -> Accelerator:
    """An accelerator of the published tables."""
    own, memory, bandwidth, bf16, fp8, link = CHIPS[name]
    return Accelerator(
        name=own,
        vendor="NVIDIA",
        kind=AcceleratorKind.GPU,
        memory_bytes=int(memory),
        memory_bytes_per_s=bandwidth,
        bf16_flops=bf16,
        fp8_flops=fp8,
        fp4_flops=None,
        int8_flops=None,
        scale_up="NVLink",
        scale_up_bytes_per_s=link,
        scale_up_domain=8,
        power_w=None,
        source=HERE,
    )


def whole(fact: dict[str, str], key: str, otherwise: int = 0) -> int:
    """A whole number of a row, or ``otherwise`` where the cell is empty."""
    return int(float(fact[key])) if fact[key] else otherwise


def model_of(fact: dict[str, str]) -> Model:
    """The architecture in a published row."""
    return Model(
        name=fact["model"],
        layers=whole(fact, "n_layers"),
        hidden=whole(fact, "hidden"),
        heads=whole(fact, "n_heads"),
        kv_heads=whole(fact, "n_kv_heads"),
        head_dim=whole(fact, "head_dim"),
        ffn=whole(fact, "ffn_hidden"),
        gated_ffn=True,
        vocab=whole(fact, "vocab"),
        tied_embeddings=False,
        max_context=1 << 20,
        attention=AttentionKind.GQA,
        experts=whole(fact, "n_experts"),
        experts_per_token=whole(fact, "experts_topk"),
        shared_experts=whole(fact, "n_shared_experts"),
        expert_ffn=whole(fact, "moe_ffn_hidden"),
        dense_layers=whole(fact, "n_dense_layers"),
        source=HERE,
    )


def usable(fact: dict[str, str]) -> bool:
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


def predicted_s(fact: dict[str, str]) -> tuple[float, float]:
    """TPOT at the published concurrency, and the prefill of one prompt, seconds."""
    chip = accelerator(fact["accelerator"])
    efficiency = load_efficiencies().of(chip)
    device = device_of(chip, PRECISIONS[fact["weight_precision"]], efficiency)
    assert device is not None
    link = Link(bytes_per_s=chip.scale_up_bytes_per_s, latency_s=1e-6, basis=Basis.ASSUMED)
    links = PoolLinks(pool="published", scale_up_domain=8, scale_up=link, scale_out=link)
    prompt, output = whole(fact, "isl"), whole(fact, "osl")
    model, tensor = model_of(fact), whole(fact, "tp")
    replicas = Replicas(
        model=model,
        parameters=parameters_of(model),
        layouts=layouts_of(Layout(tensor=tensor, expert=max(1, whole(fact, "ep", 1)))),
        device=device,
        wires=wires_of(links, efficiency),
        prompt=Lengths(mean=prompt, p50=prompt, p95=prompt, p99=prompt),
        output=Lengths(mean=output, p50=output, p95=output, p99=output),
        arrival_cv2=1.0,
    )
    batch = float(whole(fact, "concurrency"))
    tpot = total(decode_parts(replicas, batch)) + batch * prefill_work_s(replicas) / output
    return row(tpot, 0), row(total(prefill_parts(replicas, float(prompt))), 0)


def test_times_per_output_token_are_near_published_ones() -> None:
    """Half of the published times per token of Llama and Qwen3 replicas are met within 40 %."""
    if not PUBLISHED.exists():
        pytest.skip("the published measurements are not part of the repository: ../shared/data is absent")
    with PUBLISHED.open(encoding="utf-8") as file:
        rows = [fact for fact in csv.DictReader(file) if usable(fact)]
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
