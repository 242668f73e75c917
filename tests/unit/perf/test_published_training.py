"""Predicted training times beside published ones.  No figure was fitted to these rows."""

from __future__ import annotations

import csv
import statistics
from pathlib import Path

import numpy as np
import pytest

from dcplan.basis import Basis
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.catalog.types import Accelerator, AcceleratorKind, AttentionKind, Model, Source
from dcplan.perf.device import device_of, wires_of
from dcplan.perf.layouts import layouts_of
from dcplan.perf.numbers import row, total
from dcplan.perf.parameters import parameters_of
from dcplan.perf.training import Jobs, step_parts
from dcplan.perf.types import Layout
from dcplan.topology.types import Link, PoolLinks

PUBLISHED = Path(__file__).parents[3].parent / "shared" / "data" / "performance" / "training_measured.csv"
HERE = Source(name="published table", date="2025")
CHIPS = {
    "A100-80GB": ("A100-80", 80e9, 2039e9, 312e12, None, 300e9),
    "H100-SXM": ("H100", 80e9, 3350e9, 989.5e12, 1979e12, 450e9),
}


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
        gated_ffn=fact["ffn_gated"] == "1",
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
    """Whether a row says everything that a prediction needs."""
    needed = (
        "n_layers",
        "ffn_hidden",
        "tokens_per_s_per_accel",
        "tp",
        "global_batch_seqs",
        "inter_bw_gbps_per_accel",
    )
    plain = fact["accelerator"] in CHIPS and not fact["n_experts"] and "mla" not in fact["attention"]
    return plain and all(fact[key] for key in needed) and "Megatron" in fact["source"]


def layout_of(fact: dict[str, str]) -> Layout:
    """How a published row splits its job; a micro-batch that it does not tell is 1."""
    tensor, pipeline, context = (max(1, whole(fact, key, 1)) for key in ("tp", "pp", "cp"))
    level = (
        "full" if fact["recompute"] == "full" else "selective" if "selective" in fact["recompute"] else "none"
    )
    return Layout(
        tensor=tensor,
        pipeline=pipeline,
        context=context,
        data=max(1, whole(fact, "n_accel") // (tensor * pipeline * context)),
        virtual_stages=max(1, whole(fact, "vpp", 1)),
        micro_batch=max(1, whole(fact, "micro_batch", 1)),
        zero=3 if whole(fact, "fsdp") > 1 else 1,
        recompute=level,
    )


def predicted_s(fact: dict[str, str]) -> float:
    """Seconds of one step of a published row."""
    chip = accelerator(fact["accelerator"])
    efficiency = load_efficiencies().of(chip)
    device = device_of(chip, "fp8" if "fp8" in fact["precision"] else "bf16", efficiency)
    assert device is not None
    network = Link(
        bytes_per_s=float(fact["inter_bw_gbps_per_accel"]) * 1e9, latency_s=1e-5, basis=Basis.ASSUMED
    )
    inside = Link(bytes_per_s=chip.scale_up_bytes_per_s, latency_s=1e-6, basis=Basis.ASSUMED)
    links = PoolLinks(pool="published", scale_up_domain=8, scale_up=inside, scale_out=network)
    model = model_of(fact)
    jobs = Jobs(
        model=model,
        parameters=parameters_of(model),
        layouts=layouts_of(layout_of(fact)),
        device=device,
        wires=wires_of(links, efficiency),
        sequence=whole(fact, "seq_len"),
        global_batch=whole(fact, "global_batch_seqs"),
    )
    return row(total(step_parts(jobs)), 0)


def test_dense_training_steps_are_near_published_ones() -> None:
    """Half of the published Megatron steps of dense models on A100 and H100 are met within a third."""
    if not PUBLISHED.exists():
        pytest.skip("the published measurements are not part of the repository: ../shared/data is absent")
    with PUBLISHED.open(encoding="utf-8") as file:
        rows = [fact for fact in csv.DictReader(file) if usable(fact)]
    errors, table = [], []
    for fact in rows:
        tokens = whole(fact, "seq_len") * whole(fact, "global_batch_seqs")
        measured = tokens / (float(fact["tokens_per_s_per_accel"]) * whole(fact, "n_accel"))
        predicted = predicted_s(fact)
        errors.append(predicted / measured - 1)
        what = f"{fact['source'][:34]:34} {fact['model'][:18]:18} {fact['accelerator']:9}"
        table.append(f"{what} {measured:8.2f} s {predicted:8.2f} s {errors[-1]:+7.1%}")
    print("\n".join(table))  # noqa: T201 - seen with pytest -s
    print(f"{len(errors)} rows, median error {np.median(np.abs(errors)):.1%}, bias {np.median(errors):+.1%}")  # noqa: T201 - seen with pytest -s

    assert len(errors) >= 10
    assert statistics.median(abs(e) for e in errors) < 0.33
