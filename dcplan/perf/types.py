"""The nouns of the performance model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How one replica (serving) or the whole job (training) is split over devices."""

    tensor: int = 1
    pipeline: int = 1
    data: int = 1
    """Data-parallel copies: of a training job; of attention in a serving replica, whose experts span all."""
    expert: int = 1
    """Ranks that the experts are dealt out to."""
    expert_tensor: int = 1
    """Pieces that each expert is cut into; ``expert x expert_tensor`` ranks hold all experts."""
    context: int = 1
    zero: int = 0
    """ZeRO stage of training, 0 to 3; 3 is FSDP."""
    shard: int = 0
    """Data ranks that share out what ZeRO shares, copies of which are reduced (HSDP); 0: all of them."""
    micro_batch: int = 1
    """Sequences in one micro-batch (training)."""
    virtual_stages: int = 1
    """Parts of the model on each stage of the pipeline; more than one is the interleaved schedule."""
    schedule: str = "1f1b"
    """Of the pipeline: gpipe, 1f1b or zero-bubble (training)."""
    recompute: str = "none"
    """What the backward pass computes again: none, selective or full (training)."""

    def __str__(self) -> str:
        named = (
            ("TP", self.tensor),
            ("PP", self.pipeline),
            ("DP", self.data),
            ("EP", self.expert),
            ("ETP", self.expert_tensor if self.expert > 1 else 1),
            ("CP", self.context),
        )
        words = [f"{name}{size}" for name, size in named if size > 1] or ["TP1"]
        if self.zero:
            words.append(f"ZeRO-{self.zero}" + (f"/{self.shard}" if self.shard else ""))
        return " ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """How a training job lies on its machines in rank order, and what these exchange in one step.

    Machine r holds a part of stage ``r // members``.  Bytes are in one direction.
    """

    stages: int
    """Pipeline stages that lie on machines of their own."""
    members: int
    """Machines of each of them."""
    group: int
    """Machines, one after the other, that the widest tensor, context or expert group lies on."""
    ring_bytes: float
    """What a machine passes on to the next one of its stage: gradients, and weights that are shared out."""
    boundary_bytes: float
    """What a machine sends to the one with its place in the next stage, and gets back from it."""
    group_bytes: float
    """What a machine sends to the other machines of its group."""

    @property
    def machines(self) -> int:
        """All of them."""
        return self.stages * self.members


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Bytes on the fullest device, by use."""

    weights_bytes: float
    activations_bytes: float
    kv_cache_bytes: float = 0.0
    optimizer_bytes: float = 0.0
    gradients_bytes: float = 0.0
    runtime_bytes: float = 0.0
    """The framework's own: CUDA context, NCCL buffers, graphs, fragmentation."""

    @property
    def total_bytes(self) -> float:
        """``weights + activations + caches + optimiser + gradients + runtime``."""
        return (
            self.weights_bytes
            + self.activations_bytes
            + self.kv_cache_bytes
            + self.optimizer_bytes
            + self.gradients_bytes
            + self.runtime_bytes
        )
