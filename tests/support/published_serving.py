"""Published serving measurements as rows for calibration: what the table says, and what it lost on the way.

Four things are mended, each by what the source itself says:

- ``tp``, ``attn_dp`` or ``ep`` of 16 and 64 with ``moe_tp = ep`` of 4 and 8, and of 4 x 4: rows of the
  same times stand in the table with 4 and 8 devices, so that tensor and expert parallel sizes were
  multiplied by mistake.
- Multi-token prediction: InferenceX ran DeepSeek-R1 with TensorRT-LLM twice, without and (from January
  2026: pull request 412; image 1.2.0rc6.post3: 632 and 642) with it, and the table does not tell them
  apart. Drafts are 3, and 1 with data-parallel attention.
- Lengths: InferenceX draws them from 0.8 to 1 of what a row says, so that their mean is 0.9 of it.
- Formats: which parts of a checkpoint are in fewer bits, and caches (launch scripts of InferenceX).

A row of 72-way tensor parallelism of a model with 128 heads cannot be and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

from dcplan.calibrate import ServeRow
from dcplan.catalog.efficiency import Efficiencies, load_efficiencies
from published import Row, whole

TABLE = "inference_measured.csv"
SILICON = "aiconfigurator silicon_sample.csv"

CHIPS = {
    "H100-SXM": "H100",
    "H200-SXM": "H200",
    "B200": "B200",
    "B300": "B300",
    "GB200-NVL72": "GB200",
    "GB300-NVL72": "GB300",
}
MODELS = {
    "MiniMaxAI/MiniMax-M2.5": "minimax-m2.5",
    "Qwen/Qwen3-235B-A22B-FP8": "qwen3-235b-a22b",
    "Qwen/Qwen3-32B": "qwen3-32b",
    "nvidia/Qwen3-32B-NVFP4": "qwen3-32b",
    "Qwen/Qwen3.5-397B-A17B": "qwen3.5-397b-a17b",
    "deepseek-ai/DeepSeek-R1": "deepseek-r1",
    "deepseek-ai/DeepSeek-V3": "deepseek-r1",
    "nvidia/DeepSeek-V3.1-NVFP4": "deepseek-r1",
    "meta-llama/Llama-3.1-70B": "llama-3.1-70b",
    "meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "nvidia/Llama-3.1-8B-Instruct-FP8": "llama-3.1-8b",
    "moonshotai/Kimi-K2.5": "kimi-k2.5",
    "openai/gpt-oss-120b": "gpt-oss-120b",
    "zhipuai/GLM-5": "glm-5",
}
"""DeepSeek-R1, V3 and V3.1 are one architecture, and rows of one stand under the name of the other."""

INFERENCEX = frozenset(
    {
        "deepseek-r1",
        "gpt-oss-120b",
        "llama-3.1-70b",
        "kimi-k2.5",
        "minimax-m2.5",
        "qwen3.5-397b-a17b",
        "glm-5",
    }
)
BLOCKS = frozenset({"deepseek-r1", "qwen3.5-397b-a17b", "glm-5", "minimax-m2.5", "qwen3-235b-a22b"})
"""Models whose fp8 checkpoints have a scale for 128 x 128 weights."""
WHOLE_FP4 = frozenset({"llama-3.1-70b", "qwen3-32b"})
"""Models whose fp4 checkpoints have attention in fp4, too."""
MEAN_LENGTH = 0.9


@dataclass(frozen=True)
class Split:
    """Devices of a row as they were."""

    tensor: int
    data: int
    expert: int


def wanted(fact: Row) -> bool:
    """Aggregated rows of the aiconfigurator sample with both times."""
    return fact["source"] == SILICON and fact["mode"] == "agg" and bool(fact["tpot_ms"] and fact["ttft_ms"])


def split_of(fact: Row) -> Split:
    """Tensor, data and expert sizes, as the head of this file tells."""
    tensor, data = max(1, whole(fact, "tp", 1)), max(1, whole(fact, "attn_dp", 1))
    pieces, expert = max(1, whole(fact, "moe_tp", 1)), max(1, whole(fact, "ep", 1))
    if pieces * expert >= 16 and pieces == expert:
        return Split(pieces if tensor > 1 else 1, pieces if data > 1 else 1, pieces)
    if tensor > 1 and tensor == data and expert > 1:
        return Split(tensor, 1, tensor)
    return Split(tensor, data, expert if whole(fact, "n_experts") else 1)


def format_of(fact: Row, model: str, chip: str) -> tuple[str, str]:
    """The format of weights, and the precision of caches."""
    new = "B" in chip
    bits = fact["weight_precision"] or "bf16"
    if model == "gpt-oss-120b":
        return "mxfp4-experts", "fp8" if new else "bf16"
    if bits == "bf16":
        return "bf16", "bf16"
    if bits == "int4_wo":
        return "int4-experts", "bf16"
    if bits == "nvfp4":
        return "fp4" if model in WHOLE_FP4 else "fp4-experts", "fp8"
    narrow = fact["engine"] == "trtllm" or (new and model in {"llama-3.1-70b", "deepseek-r1"})
    return "fp8-block" if model in BLOCKS else "fp8", "fp8" if narrow else "bf16"


def drafts_of(fact: Row, model: str, data: int) -> int:
    """Tokens that multi-token prediction proposed."""
    late = fact["source_date"] == "2026-01-14" or fact["engine_version"] == "1.2.0rc6.post3"
    if model != "deepseek-r1" or fact["engine"] != "trtllm" or not late:
        return 0
    return 1 if data > 1 else 3


def serve_row(fact: Row, line: int) -> ServeRow | None:
    """A published row, or None where it cannot have been as it says."""
    model, chip, split = MODELS[fact["model"]], CHIPS[fact["accelerator"]], split_of(fact)
    if split.tensor == 72:
        return None
    lengths = {whole(fact, "isl"), whole(fact, "osl")}
    varies = model in INFERENCEX and lengths <= {1024, 8192}
    scale = MEAN_LENGTH if varies else 1.0
    precision, kv = format_of(fact, model, chip)
    return ServeRow(
        line=line,
        accelerator=chip,
        precision=precision,
        kv_precision=kv,
        software=fact["engine"],
        version=fact["engine_version"],
        date=fact["source_date"],
        source="InferenceX by way of aiconfigurator" if varies else "aiconfigurator",
        model=model,
        devices=split.tensor * split.data,
        prompt_tokens=round(scale * whole(fact, "isl")),
        output_tokens=round(scale * whole(fact, "osl")),
        concurrency=whole(fact, "concurrency"),
        tensor=split.tensor,
        expert=split.expert,
        attention_data=split.data,
        drafts=drafts_of(fact, model, split.data),
        lengths_vary=varies,
        tpot_s=float(fact["tpot_ms"]) / 1e3,
        ttft_s=float(fact["ttft_ms"]) / 1e3,
    )


def serve_rows(facts: list[Row]) -> list[ServeRow]:
    """All rows that can be, each measurement once: some stand in the table under two names."""
    found: dict[tuple[object, ...], ServeRow] = {}
    for line, fact in enumerate(facts, 1):
        row = serve_row(fact, line)
        if row is not None:
            key = (
                *(row.model, row.accelerator, row.software, row.precision, row.tensor, row.attention_data),
                *(row.expert, row.prompt_tokens, row.output_tokens, row.concurrency, row.tpot_s, row.ttft_s),
            )
            found.setdefault(key, row)
    return list(found.values())


def bare_table() -> Efficiencies:
    """The table without what earlier fits of engines put there."""
    whole = load_efficiencies()
    names = {"vllm", "sglang", "trtllm"}
    kept = {place: figures for place, figures in whole.rows.items() if place[1] not in names}
    return Efficiencies(rows=kept, profiles=tuple(p for p in whole.profiles if p.software not in names))
