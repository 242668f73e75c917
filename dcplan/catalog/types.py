"""The nouns of the catalogue: stable facts (accelerators, machines, models) and changing offerings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcplan.catalog.purchase import Window
    from dcplan.diag import ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a fact was read and when."""

    name: str
    date: str
    """ISO date, as much of it as is known (``2026``, ``2026-08``), or ``undated`` for a user's own facts."""


class AcceleratorKind(StrEnum):
    """The family of chip, which decides how chips are wired to each other."""

    GPU = "gpu"
    TPU = "tpu"
    NEURON = "neuron"
    CPU = "cpu"
    """A socket of a host, which counts as one device: its cores multiply, its memory is the host's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accelerator:
    """One chip: facts of its datasheet.  A missing peak is None, never 0."""

    name: str
    vendor: str
    kind: AcceleratorKind
    memory_bytes: int
    """Usable device memory, which is below the label."""
    memory_bytes_per_s: float
    bf16_flops: float | None
    """Dense peak, FLOP/s."""
    fp8_flops: float | None
    fp4_flops: float | None
    int8_flops: float | None
    scale_up: str
    """Name of the link inside a scale-up domain: NVLink4, ICI 3D torus, PCIe4..."""
    scale_up_bytes_per_s: float
    """Per chip and direction, all links together."""
    scale_up_domain: int
    """The largest number of chips that such links can join; 1 is none."""
    power_w: float | None
    source: Source

    @property
    def chip(self) -> str:
        """Whose silicon it is: of a part of a GPU (``H100/3g.40gb``) that GPU, else itself."""
        return self.name.partition("/")[0]

    @property
    def is_part(self) -> bool:
        """Whether it is a part of a GPU, which has no links to other parts."""
        return self.chip != self.name


_TRANSPORTS = {"TCPX": "GPUDirect-TCPX", "TCPXO": "GPUDirect-TCPXO", "RoCE": "GPUDirect-RDMA over RoCE"}
"""What owners call it where accelerators reach the network themselves.  Source: Compute Engine docs, GPU
networking; AWS calls EFA by its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """One rentable or owned machine type."""

    name: str
    provider: str
    accelerator: str
    devices: int
    """Accelerators in one machine."""
    vcpus: int
    memory_bytes: int
    network_bytes_per_s: float
    """Out of one machine, per direction, all network cards for accelerator traffic together."""
    fabric: str
    """What carries accelerator traffic between machines: EFA, RoCE, TCPX, ICI, TCP..."""
    scale_up_domain: int
    """Devices joined by scale-up links, across machines where they reach that far (NVL72, TPU)."""
    source: Source
    power_w: float | None = None
    """Of the whole machine at full load, where its owner told it."""
    interfaces: int | None = None
    """Network interfaces for accelerator traffic (EFA, GPUDirect), which share ``network_bytes_per_s``; None
    is unknown."""

    @property
    def transport(self) -> str:
        """What carries collectives between machines, in its owner's words: ``EFA, 32 interfaces``."""
        direct = self.interfaces is not None
        name = _TRANSPORTS.get(self.fabric, self.fabric) if direct else self.fabric
        if self.interfaces is None:
            return name
        return f"{name}, {self.interfaces} interface{'' if self.interfaces == 1 else 's'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What is known of where machines stand.  Unknown is None, never 0."""

    country: str | None = None
    """ISO 3166-1 code."""
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    grid_g_per_kwh: float | None = None
    """Yearly average of the grid, grams of CO2e per kilowatt-hour."""
    pue: float | None = None
    """Power of the whole site over that of its machines."""
    pue_assumed: bool = False
    """Whether ``pue`` is that of all sites of the provider, for want of this one's."""
    egress_usd_per_byte: float | None = None
    """Of all that leaves it, where its owner told one price; None: look it up (``catalog.network``)."""
    source: Source


class Purchase(StrEnum):
    """How a machine is paid for."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"
    OWNED = "owned"
    RESERVATION = "reservation"
    """Capacity kept for one account, paid for whether it is used or not."""
    CAPACITY_BLOCK = "capacity-block"
    """Machines for a time window, paid for as a whole."""
    COMMITTED = "committed"
    """A lower price for machines of a region, paid for whether they run or not; it keeps no capacity."""
    QUEUED = "queued"
    """Machines that come when there are some, and may be kept for a while (GCP's flex-start)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offering:
    """A machine type that can be had at one place in one way.

    Unavailable is a value, not an absence; an unknown price or count is None,
    never 0.
    """

    provider: str
    region: str
    zone: str
    machine: str
    purchase: Purchase
    usd_per_h: float | None
    """Per machine."""
    machines: int | None
    """How many can be had; None is unknown (clouds do not say)."""
    available: bool
    block: str | None = None
    """The part of the zone with full bandwidth between its machines, where it is known."""
    source: Source
    place: Place | None = None
    """Where it is; None is unknown."""
    lot: str | None = None
    """Which of several reservations, blocks or commitments; None for what anybody can have."""
    window: Window | None = None
    """When it can be used; None is always."""
    wait_s: float | None = 0.0
    """How long its machines are waited for; None is unknown."""
    longest_s: float | None = None
    """How long a machine may be kept; None is without limit."""
    paid_usd_per_h: float | None = 0.0
    """Per machine, paid whether it is used or not, and besides ``usd_per_h``; None is unknown."""
    origin: ConfigPath | None = None
    """The line of the document that tells of it; None for what the provider tells."""

    @property
    def pool(self) -> str:
        """The name of the pool of equal machines that this offering opens."""
        plain = self.purchase in {Purchase.ON_DEMAND, Purchase.OWNED}
        way = None if plain else "-".join(word for word in (self.purchase.value, self.lot) if word)
        return "/".join(p for p in (self.zone, self.block, self.machine, way) if p)


class AttentionKind(StrEnum):
    """How keys and values are shared between heads."""

    MHA = "mha"
    GQA = "gqa"
    MLA = "mla"


FOLLOWS = -1
"""A count of layers that was not given and follows from the others when the model is built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """The architecture of a transformer, decoder or encoder, as far as time and memory depend on it.

    A layer is one block with its own residual connection as the model's
    config.json counts it: in most models it holds a mixer (softmax attention
    or a linear mixer) and an MLP; in stacks of the Nemotron-H kind it is
    exactly one of the three.
    """

    name: str
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    """Inner width of a dense MLP."""
    gated_ffn: bool
    vocab: int
    tied_embeddings: bool
    max_context: int
    attention: AttentionKind
    attention_layers: int = FOLLOWS
    """How many of the layers have softmax attention; left out: all without a linear mixer."""
    mlp_layers: int = FOLLOWS
    """How many of the layers have an MLP or experts; left out: all."""
    causal: bool = True
    """Whether a token sees only what stands before it; False for encoders (BERT), which generate nothing."""
    sliding_window: int | None = None
    """Tokens that a sliding or chunked attention layer sees at most; of full attention, on both sides."""
    sliding_layers: int = 0
    """How many of the attention layers see only ``sliding_window`` tokens."""
    # Multi-head latent attention (DeepSeek-V2/V3), 0 elsewhere.
    q_lora_rank: int = 0
    kv_lora_rank: int = 0
    qk_nope_dim: int = 0
    qk_rope_dim: int = 0
    v_head_dim: int = 0
    # Sparse attention behind an indexer (DeepSeek-V3.2, arXiv 2512.02556, section 2.1), 0 elsewhere.
    index_top_k: int = 0
    """Tokens that a query attends to after the indexer has chosen them."""
    index_heads: int = 0
    index_head_dim: int = 0
    """Width of an indexer head; its one key per token is as wide and is cached beside the latent."""
    # Linear mixers, whose state does not grow with the context: Mamba-2 (arXiv 2405.21060), gated
    # DeltaNet (arXiv 2412.06464), lightning attention (arXiv 2405.17381); 0 elsewhere.
    linear_layers: int = 0
    """How many of the layers have a linear mixer in place of attention."""
    linear_heads: int = 0
    """Value heads: Mamba-2's heads, DeltaNet's value heads."""
    linear_head_dim: int = 0
    """Value width of a head; a sequence's state is heads x head_dim x state_dim numbers a layer."""
    linear_key_heads: int = 0
    """Heads of keys and queries, each shared by as many value heads: Mamba-2's groups of B and C."""
    linear_state_dim: int = 0
    """Width of a key or query head: Mamba-2's state size."""
    # Mixture of experts, 0 for a dense model.
    experts: int = 0
    experts_per_token: int = 0
    shared_experts: int = 0
    """Experts that every token passes."""
    shared_ffn: int = 0
    """Inner width of all shared experts together; 0: ``shared_experts * expert_ffn``."""
    expert_ffn: int = 0
    """Inner width of one routed expert."""
    expert_hidden: int = 0
    """Width of what routed experts see, behind one projection down and before one up; 0: ``hidden``."""
    gated_experts: bool | None = None
    """Whether experts, shared ones too, are gated; left out: as the dense MLP (``gated_ffn``)."""
    dense_layers: int = 0
    """How many of the ``mlp_layers`` of a mixture of experts keep a dense MLP."""
    source: Source

    def __post_init__(self) -> None:
        """Settle what follows from the other fields, so that readers find plain values."""
        settle = object.__setattr__  # the dataclass is frozen from here on
        if self.attention_layers == FOLLOWS:
            settle(self, "attention_layers", self.layers - self.linear_layers)
        if self.mlp_layers == FOLLOWS:
            settle(self, "mlp_layers", self.layers)
        if self.gated_experts is None:
            settle(self, "gated_experts", self.gated_ffn)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """Everything known, by name."""

    accelerators: dict[str, Accelerator]
    machines: dict[str, Machine]
    models: dict[str, Model]
    """The models that the document uses, under the names it uses."""
    offerings: tuple[Offering, ...]
