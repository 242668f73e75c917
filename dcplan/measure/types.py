"""The nouns of measure: what is timed, on what, and what came of it.

Base units: seconds, bytes, floating-point operations (a multiply-add is two).
"""

from __future__ import annotations

from dataclasses import dataclass

from dcplan.diag import plural

WIDTH_BYTES = {"fp32": 4, "bf16": 2, "fp16": 2, "fp8": 1, "int8": 1}
"""Bytes of one element, by precision: those that can be measured."""

PRECISIONS = tuple(WIDTH_BYTES)
"""All precisions in the order in which they are told of."""

BACKWARD_FLOPS = 2.5
"""FLOPs of attention's backward pass over those of its forward pass: five matrix products against two
(Dao, FlashAttention-2, 2023, section 4.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gemm:
    """C[m,n] = A[m,k] B[k,n]: activations of m tokens times weights."""

    precision: str
    m: int
    n: int
    k: int

    @property
    def flops(self) -> float:
        """A multiply and an add for each of m·n·k."""
        return 2.0 * self.m * self.n * self.k

    @property
    def moved_bytes(self) -> float:
        """Both operands read and the result written once; 8-bit operands give 16 bits or more."""
        width = WIDTH_BYTES[self.precision]
        out = max(2, width) if self.precision != "int8" else 4
        return float(width * (self.m * self.k + self.k * self.n) + out * self.m * self.n)

    @property
    def label(self) -> str:
        """How a message names it."""
        return f"{self.precision} GEMM {self.m} x {self.n} x {self.k}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A copy from memory to memory."""

    moved_bytes: int
    """Read plus written: twice the size of the copied buffer."""

    @property
    def flops(self) -> float:
        """None at all: a copy calculates nothing."""
        return 0.0

    @property
    def label(self) -> str:
        """How a message names it."""
        return f"copy of {plural(self.moved_bytes // 2, 'byte')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """softmax(Q Kᵀ) V of one layer.

    Prefill has as many queries as keys and is causal; decode has one query a
    sequence against ``length`` keys.
    """

    precision: str
    batch: int
    heads: int
    kv_heads: int
    head_dim: int
    length: int
    """Keys and values of each sequence."""
    queries: int
    """Query tokens of each sequence: ``length`` in prefill, 1 in decode."""
    causal: bool
    backward: bool = False
    """Forward and backward together."""

    @property
    def flops(self) -> float:
        """Two products of 2·queries·length·head_dim a head, half of them under a causal mask."""
        forward = 4.0 * self.batch * self.heads * self.queries * self.length * self.head_dim
        return forward * (0.5 if self.causal else 1.0) * (1 + BACKWARD_FLOPS * self.backward)

    @property
    def moved_bytes(self) -> float:
        """Q, K, V read and the result written once; scores stay on the chip where a kernel is fused."""
        q = self.heads * self.queries
        kv = self.kv_heads * self.length
        once = 2.0 * WIDTH_BYTES[self.precision] * self.batch * self.head_dim * (q + kv)
        return once * (3 if self.backward else 1)

    @property
    def decode(self) -> bool:
        """Whether it is a decode step."""
        return self.queries == 1

    @property
    def label(self) -> str:
        """How a message names it."""
        what = "decode" if self.decode else "causal" if self.causal else "full"
        shape = f"{self.batch} x {self.heads}/{self.kv_heads} heads x {self.length} tokens"
        return f"{self.precision} {what} attention {shape}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collective:
    """One collective operation among the devices of this machine."""

    precision: str
    operation: str
    """all_reduce, all_gather, reduce_scatter, all_to_all or send."""
    ranks: int
    full_bytes: int
    """The whole buffer as nccl-tests counts it: what all ranks hold together after all_gather, what each
    holds before all_reduce."""

    @property
    def label(self) -> str:
        """How a message names it."""
        return f"{self.operation} of {self.full_bytes} bytes among {self.ranks}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One tiny operation, launched by the host in a long row: what a launch costs at least."""

    @property
    def flops(self) -> float:
        """Next to none."""
        return 0.0

    @property
    def moved_bytes(self) -> float:
        """Next to none."""
        return 0.0

    @property
    def label(self) -> str:
        """How a message names it."""
        return "launch"


Case = Gemm | Stream | Attention | Launch
"""What one device can be timed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """What the measurements are made on."""

    name: str
    """As its driver or its /proc/cpuinfo says it."""
    kind: str
    """``cpu``, ``cuda`` (NVIDIA's and AMD's alike, as PyTorch has it) or ``mps``."""
    count: int
    """Devices of this kind in the machine."""
    memory_bytes: int
    """Free when the measurement began."""
    cache_bytes: int
    """The last cache before memory."""
    threads: int | None = None
    """Threads that calculate, on a CPU."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """How long one call takes."""

    seconds: float
    """Median over the samples."""
    repeats: int
    """Calls that were timed at least, all samples together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Speeds:
    """What a device reaches in a first short try; only for choosing sizes that fit the time."""

    flops: dict[str, float]
    """FLOP/s by precision; a precision that the device or backend lacks is left out."""
    bytes_per_s: float
    attention: tuple[str, ...] = ()
    """Precisions in which attention works."""
    backward: bool = False
    """Whether attention's backward pass can be run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measurement, as the CSV has it."""

    case: Case | Collective
    timing: Timing


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something that was not measured, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Everything that one run has found."""

    device: Device
    accelerator: str
    """The catalogue's name where it has one, else the device's own, cleaned."""
    software: str
    version: str
    date: str
    """ISO date of the run."""
    source: str
    rows: tuple[Row, ...]
    left_out: tuple[LeftOut, ...]
