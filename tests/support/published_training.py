"""Published training steps as dcplan's nouns: model, accelerator, links, layout, measured seconds."""

from __future__ import annotations

import csv
import re
from pathlib import Path

from dcplan.basis import Basis
from dcplan.calibrate.steps import Step
from dcplan.catalog import canonical_accelerator, load_accelerators, load_catalog_model
from dcplan.catalog.types import Accelerator, AcceleratorKind
from dcplan.perf.types import Layout
from dcplan.topology.types import Link, PoolLinks

Fact = dict[str, str]
TABLE = Path(__file__).parents[2].parent / "shared" / "data" / "performance" / "training_measured.csv"
"""The published rows; not part of the repository."""

MODELS = {
    "DeepSeekV3": "deepseek-v3",
    "deepseek-v3": "deepseek-v3",
    "DeepSeek3-671B-MaxText": "deepseek-v3",
    "GPT 1.7B": "megatron-1.7b",
    "GPT 16B": "megatron-core-16b",
    "GPT 174.6B": "gpt-3-175b",
    "GPT 177B": "megatron-core-177b",
    "GPT 18.4B": "megatron-18b",
    "GPT 310.1B": "megatron-310b",
    "GPT 314B": "megatron-core-314b",
    "GPT 32B": "megatron-core-32b",
    "GPT 39.1B": "megatron-39b",
    "GPT 462B": "megatron-core-462b",
    "GPT 529.6B": "megatron-530b",
    "GPT 70B": "megatron-core-70b",
    "GPT 76.1B": "megatron-76b",
    "GPT OSS 120B": "gpt-oss-120b",
    "gpt-oss-120b": "gpt-oss-120b",
    "GPT3-175B-MaxText": "gpt-3-175b",
    "Gemma3-12B-MaxText": "gemma-3-12b",
    "LLAMA3.1_405B": "llama-3.1-405b",
    "LLAMA3_70B": "llama-3.1-70b",
    "LLAMA3_8B": "llama-3.1-8b",
    "Llama 2 70B": "llama-2-70b",
    "Llama2-70B-MaxText": "llama-2-70b",
    "Llama 3.1 70B": "llama-3.1-70b",
    "Llama 3.1 8B": "llama-3.1-8b",
    "Llama3.1-405B-MaxText": "llama-3.1-405b",
    "Llama3.1-70B-MaxText": "llama-3.1-70b",
    "Llama3.1-8B-MaxText": "llama-3.1-8b",
    "llama3.1-405b": "llama-3.1-405b",
    "llama3.1-70b": "llama-3.1-70b",
    "Llama4-Maverick-17B-128E-Maxtext": "llama-4-maverick",
    "Llama4-Scout-17B-16E-Maxtext": "llama-4-scout",
    "MT-NLG 530B": "megatron-530b",
    "Mistral-7B-MaxText": "mistral-7b",
    "Mixtral 8x7B": "mixtral-8x7b",
    "Mixtral-8x22B-MaxText": "mixtral-8x22b",
    "Nemotron_3_5_Lightning": "nemotron-3.5-lightning",
    "Nemotron_3_Nano": "nemotron-3-nano",
    "Nemotron_3_Super": "nemotron-3-super",
    "Nemotron_3_Ultra": "nemotron-3-ultra",
    "PaLM 540B": "palm-540b",
    "Qwen3_235B_a22B": "qwen3-235b-a22b",
    "Qwen3_30B_a3B": "qwen3-30b-a3b",
    "qwen3-235b-a22b": "qwen3-235b-a22b",
    "gemma4-31b": "gemma-4-31b",
}
"""Our catalogue's names by those of the table; MaxText's and llm-foundry's own models follow a rule."""

PRECISIONS = {"fp16": "bf16", "fp8(current-scaling)": "fp8", "nvfp4": "fp4", "int8(quantized matmul)": "int8"}

DCN = {"TPU-v4": 3.125e9, "TPU-v5e": 3.125e9, "TPU-v5p": 6.25e9, "TPU-v6e": 12.5e9, "TPU7x": 12.5e9}
"""Bytes/s out of a slice for each chip: jax-ml scaling-book, chapter on TPUs."""

EXPERTS_AGAIN = {("nemotron-3-super", "GB200-NVL72", "mxfp8"), ("nemotron-3-nano", "H100-SXM", "fp8")}
"""Recipes of Megatron-Bridge (scripts/performance/configs) whose backward pass computes experts again."""


def number(fact: Fact, key: str, otherwise: float = 0.0) -> float:
    """A number of a row, or ``otherwise`` where the cell is empty."""
    return float(fact[key]) if fact[key] else otherwise


def model_name(text: str) -> str | None:
    """The catalogue's name of a model of the table; None for those whose architecture is not published."""
    plain = text.partition(" (")[0]
    if plain.startswith(("MPT-", "MaxText ")):
        return plain.lower().replace(" ", "-")
    return MODELS.get(plain)


def software_of(fact: Fact) -> str:
    """The framework, and the release where the table gives one."""
    framework = fact["framework"]
    if framework.startswith("Composer"):
        return "fsdp"
    if framework.startswith(("MaxText", "Pathways")):
        return "maxtext"
    if framework.startswith("DeepSpeed"):
        return "deepspeed"
    if framework == "Megatron-Bridge":
        return "megatron@" + fact["source"].rpartition(" ")[2][:5]
    return "megatron"


def recompute_of(fact: Fact, model: str) -> str:
    """What is computed again, in the words of a layout."""
    text = fact["recompute"]
    if fact["accelerator"].startswith("TPU"):
        return {"minimal": "none", "partial": "selective"}.get(text, "full")
    again = (model, fact["accelerator"], fact["precision"]) in EXPERTS_AGAIN
    return "full" if text == "full" or (text == "see perf recipe" and again) else "none"


def step_of(fact: Fact) -> Step | None:
    """A row as a step; None where the model or the batch is not published."""
    name = model_name(fact["model"])
    if name is None or not fact["global_batch_seqs"]:
        return None
    known = canonical_accelerator(fact["accelerator"])
    accelerator = load_accelerators()[known or ""]
    devices, batch = int(number(fact, "n_accel")), number(fact, "global_batch_seqs")
    sequence = number(fact, "seq_len")
    return Step(
        name=fact["row_id"],
        model=load_catalog_model(name),
        accelerator=accelerator,
        links=links_of(fact, accelerator),
        fabric=fabric_of(fact, accelerator),
        layout=layout_of(fact, name, devices, batch),
        precision=PRECISIONS.get(fact["precision"], fact["precision"]),
        software=software_of(fact),
        sequence_tokens=sequence,
        global_batch=batch,
        time_s=sequence * batch / (number(fact, "tokens_per_s_per_accel") * devices),
        source=source_of(fact),
        date=date_of(fact["source_date"]),
    )


def date_of(text: str) -> str:
    """An ISO date; the later year of a span such as 2023-24."""
    year, _, rest = text.partition("-")
    return f"{year[:2]}{rest}" if rest.isdigit() and int(rest) > 12 else text


def layout_of(fact: Fact, model: str, devices: int, batch: float) -> Layout:
    """The layout in a row; what it does not say is what its framework does by default."""
    tensor, pipeline = int(number(fact, "tp", 1)), int(number(fact, "pp", 1))
    context, tpu = int(number(fact, "cp", 1)), fact["accelerator"].startswith("TPU")
    data = devices // (tensor * pipeline * context)
    each, micro = batch / data, number(fact, "micro_batch")
    if tpu or micro > each:
        micro = each
    if not micro:
        micro = 1 if pipeline > 1 else min(each, 4)
    shard = int(number(fact, "fsdp"))
    return Layout(
        tensor=tensor,
        pipeline=pipeline,
        data=data,
        expert=max(1, int(number(fact, "ep", 1))),
        context=context,
        zero=int(number(fact, "zero_stage", 3 if tpu else 1)),
        shard=shard if 1 < shard < data else 0,
        micro_batch=micro,  # type: ignore[arg-type]
        virtual_stages=int(number(fact, "vpp", 1)) if pipeline > 1 else 1,
        recompute=recompute_of(fact, model),
    )


def source_of(fact: Fact) -> str:
    """Who published it, releases of one table together."""
    text = fact["source"]
    return "NVIDIA Megatron-Bridge" if "Bridge" in text else re.sub(r" (FP8|BF16)$", "", text)


def links_of(fact: Fact, accelerator: Accelerator) -> PoolLinks:
    """Links as the row or the accelerator's datasheet tells them."""
    chip = fact["accelerator"]
    if accelerator.kind is AcceleratorKind.TPU:
        said = re.search(r"slice\(s\) of (\d+) chips", fact["notes"])
        size = int(said.group(1)) if said else int(number(fact, "n_accel"))
        size = min(size, accelerator.scale_up_domain, 3072 if fact["source"] == "PaLM" else size)
        out = DCN[chip]
    else:
        size = 72 if "NVL72" in chip else 8
        out = number(fact, "inter_bw_gbps_per_accel") * 1e9
    up = accelerator.scale_up_bytes_per_s
    return PoolLinks(
        pool="published",
        scale_up_domain=size,
        scale_up=Link(bytes_per_s=up, latency_s=1e-6, basis=Basis.MEASURED),
        scale_out=Link(bytes_per_s=out, latency_s=10e-6, basis=Basis.MEASURED),
    )


def fabric_of(fact: Fact, accelerator: Accelerator) -> str:
    """What carries traffic between machines, where the source tells."""
    if accelerator.kind is AcceleratorKind.TPU:
        return ""
    return "RoCE" if fact["framework"].startswith("Composer") else "InfiniBand"


def published_steps(table: Path = TABLE) -> tuple[Step, ...]:
    """All rows that can be told as a step."""
    with table.open(encoding="utf-8") as file:
        found = [step_of(fact) for fact in csv.DictReader(file)]
    return tuple(step for step in found if step is not None)


def counted_rows(table: Path = TABLE) -> int:
    """All rows."""
    with table.open(encoding="utf-8") as file:
        return sum(1 for _ in csv.DictReader(file))
