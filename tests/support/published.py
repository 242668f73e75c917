"""Rows of published measurements, as the hardware and the models they tell of."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

from dcplan.catalog.types import Accelerator, AcceleratorKind, AttentionKind, Model, Source

Row = dict[str, str]
FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "performance"
HERE = Source(name="published table", date="2025")
CHIPS = {
    "A100-80GB": ("A100-80", 80e9, 2039e9, 312e12, None, 300e9),
    "H100-SXM": ("H100", 80e9, 3350e9, 989.5e12, 1979e12, 450e9),
    "H200-SXM": ("H200", 141e9, 4800e9, 989.5e12, 1979e12, 450e9),
    "B200": ("B200", 180e9, 7700e9, 2250e12, 4500e12, 900e9),
}
"""Name in our catalogue, bytes, bytes/s, FLOP/s in bf16 and in fp8, bytes/s of NVLink, by published name."""


def rows_of(name: str, usable: Callable[[Row], bool]) -> list[Row]:
    """The usable rows of a table; skips the test where the tables are not at hand."""
    table = FOLDER / name
    if not table.exists():
        pytest.skip("the published measurements are not part of the repository: ../shared/data is absent")
    with table.open(encoding="utf-8") as file:
        return [fact for fact in csv.DictReader(file) if usable(fact)]


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


def whole(fact: Row, key: str, otherwise: int = 0) -> int:
    """A whole number of a row, or ``otherwise`` where the cell is empty."""
    return int(float(fact[key])) if fact[key] else otherwise


def model_of(fact: Row, *, gated_ffn: bool) -> Model:
    """The architecture in a published row."""
    return Model(
        name=fact["model"],
        layers=whole(fact, "n_layers"),
        hidden=whole(fact, "hidden"),
        heads=whole(fact, "n_heads"),
        kv_heads=whole(fact, "n_kv_heads"),
        head_dim=whole(fact, "head_dim"),
        ffn=whole(fact, "ffn_hidden"),
        gated_ffn=gated_ffn,
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
