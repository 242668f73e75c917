"""Predicted training times beside published ones.  No figure was fitted to these rows."""

from __future__ import annotations

import statistics

import numpy as np

from dcplan.basis import Basis
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.perf.device import device_of, wires_of
from dcplan.perf.framework import framework_of
from dcplan.perf.layouts import layouts_of
from dcplan.perf.numbers import row, total
from dcplan.perf.parameters import parameters_of
from dcplan.perf.training import Jobs, step_parts
from dcplan.perf.types import Layout
from dcplan.topology.types import Link, PoolLinks
from published import Row, accelerator, model_of, rows_of, whole

CHIPS = ("A100-80GB", "H100-SXM")


def usable(fact: Row) -> bool:
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


def layout_of(fact: Row) -> Layout:
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


def predicted_s(fact: Row) -> float:
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
    model = model_of(fact, gated_ffn=fact["ffn_gated"] == "1")
    jobs = Jobs(
        parameters=parameters_of(model),
        layouts=layouts_of(layout_of(fact)),
        device=device,
        wires=wires_of(links, efficiency),
        framework=framework_of(efficiency, "bf16"),
        sequence=whole(fact, "seq_len"),
        global_batch=whole(fact, "global_batch_seqs"),
    )
    return row(total(step_parts(jobs)), 0)


def test_dense_training_steps_are_near_published_ones() -> None:
    """Half of the published Megatron steps of dense models on A100 and H100 are met within a third."""
    rows = rows_of("training_measured.csv", usable)
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
