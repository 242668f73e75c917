"""The nouns of calibrate: one measurement of each kind, and all of a file together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What every measurement tells: of which hardware and software, from where and when."""

    kind: ClassVar[str] = ""

    line: int
    """Where it stands in its file, from 1."""
    accelerator: str
    """The catalogue's name."""
    precision: str = ""
    """Of weights and products; empty where the kind has none."""
    software: str = ""
    """Framework or engine: megatron, vllm, torch..."""
    version: str = ""
    date: str = "undated"
    """ISO date, as much of it as is known."""
    source: str = ""
    """Who measured; a file's name where the file does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GemmRow(Row):
    """One matrix product ``C[m, n] = A[m, k] B[k, n]``."""

    kind: ClassVar[str] = "gemm"

    m: int
    n: int
    k: int
    time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRow(Row):
    """One sweep over device memory."""

    kind: ClassVar[str] = "memory"

    bytes: int
    """Read plus written."""
    time_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionRow(Row):
    """One fused attention over ``batch`` sequences of ``length`` tokens."""

    kind: ClassVar[str] = "attention"

    batch: int
    heads: int
    kv_heads: int
    head_dim: int
    length: int
    time_s: float
    causal: bool = True
    direction: str = "forward"
    """``forward``, or ``both``: the backward pass as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectiveRow(Row):
    """One collective over ``ranks`` devices in ``machines`` machines."""

    kind: ClassVar[str] = "collective"

    operation: str
    ranks: int
    bytes: int
    """The full buffer, as nccl-tests counts it."""
    time_s: float
    machines: int = 1
    network_bytes_per_s: float | None = None
    """Out of one machine, per direction; needed where there are several machines."""
    fabric: str = ""
    """What carries traffic between machines: EFA, RoCE..., where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainRow(Row):
    """One training step."""

    kind: ClassVar[str] = "train"

    model: str
    devices: int
    sequence_tokens: int
    global_batch_sequences: int
    time_s: float
    tensor: int = 1
    pipeline: int = 1
    data: int | None = None
    """None: what the other parallelisms leave of the devices."""
    expert: int = 1
    context: int = 1
    zero: int = 0
    shard: int | None = None
    """Devices that one copy of the sharded state is spread over; None: all data-parallel ones."""
    micro_batch: int | None = None
    """Sequences in one micro-batch; None where the source does not say."""
    virtual_stages: int = 1
    recompute: str = "none"
    machines: int = 1
    network_bytes_per_s: float | None = None
    """Out of one machine, per direction; needed where scale-up links do not join all devices."""
    fabric: str = ""
    """What carries traffic between machines, as for collectives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeRow(Row):
    """One replica serving ``concurrency`` requests at a time; at least one of the two times is there."""

    kind: ClassVar[str] = "serve"

    model: str
    devices: int
    prompt_tokens: int
    output_tokens: int
    concurrency: int
    tensor: int = 1
    pipeline: int = 1
    expert: int = 1
    attention_data: int = 1
    kv_precision: str = ""
    drafts: int = 0
    """Tokens that a draft proposes for each step; 0 without speculative decoding."""
    lengths_vary: bool = False
    """Whether prompts and answers differ in length; if not, requests that began together stay in step."""
    tpot_s: float | None = None
    ttft_s: float | None = None


KINDS: dict[str, type[Row]] = {
    one.kind: one for one in (GemmRow, MemoryRow, AttentionRow, CollectiveRow, TrainRow, ServeRow)
}
"""From the word in the column ``kind`` to the noun."""

KERNELS = (GemmRow.kind, MemoryRow.kind, AttentionRow.kind, CollectiveRow.kind)
"""Kinds that measure hardware by itself, without a framework or engine around it."""

R = TypeVar("R", bound=Row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """All measurements of one file, in its order."""

    file: str
    """As messages show it."""
    rows: tuple[Row, ...]

    def of(self, noun: type[R]) -> tuple[R, ...]:
        """Those of one kind."""
        return tuple(row for row in self.rows if isinstance(row, noun))

    def __len__(self) -> int:
        return len(self.rows)
