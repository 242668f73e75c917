"""What a training framework makes of the hardware, as numbers read from the efficiency table."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from dcplan.basis import Basis
from dcplan.perf.numbers import Num

if TYPE_CHECKING:
    from dcplan.catalog.efficiency import Efficiency


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """A training framework on one accelerator at one precision; each number is the figure of its name."""

    sustained: Num
    """Share of isolated products' speed that a whole training step keeps."""
    elementwise_factor: Num
    """Memory traffic between products over that of fused kernels; also that of sorting tokens by expert."""
    mixer_factor: Num
    """The same for linear mixers."""
    norm_bytes: Num
    """Read and written by norms and residual sums, per token and hidden unit of a layer, before that
    factor."""
    rotated_bytes: Num
    """The same by rotating queries and keys, per unit of score width."""
    mixer_bytes: Num
    """The same by a linear mixer's convolution, gates and norms, per unit of its input."""
    scan_tokens: Num
    """Tokens between which a linear mixer writes its state."""
    logit_bytes: Num
    """Held per token and word of the vocabulary while the loss is computed."""
    train_layer_s: Num
    """Host's work for one layer and micro-batch, forward and backward, beside the device's."""
    expert_layer_s: Num
    """Time for which a layer with experts keeps the device waiting, each micro-batch: counts of tokens go
    to the host before it can launch products of their size."""
    tensor_shows: Num
    """Share of tensor-parallel traffic that is not hidden."""
    ring_shows: Num
    """Share of a context ring's traffic that shows however much attention there is to hide behind."""
    expert_shows: Num
    """Share of the experts' traffic that is not hidden."""
    data_factor: Num
    """Time of data-parallel traffic over that of few large collectives."""
    data_shows: Num
    """Share of data-parallel traffic that shows however much there is to hide behind."""
    gather_hides: Num
    """Share of computing behind which ZeRO-3's traffic can hide."""
    train_step_s: Num
    """Fixed cost of a step: norms of gradients, data, the host's bookkeeping."""
    scale_loss: Num
    """Share of a step lost to the slowest device with each doubling of the devices beyond eight."""
    basis: Basis
    """Of ``sustained``, which all others were fitted beside."""


def framework_of(efficiency: Efficiency, precision: str) -> Framework:
    """The framework that ``efficiency`` was looked up for, computing at ``precision``."""
    names = [field.name for field in fields(Framework) if field.name != "basis"]
    numbers = {name: efficiency.narrow(name, precision).value for name in names}
    return Framework(**numbers, basis=efficiency.narrow("sustained", precision).basis)
