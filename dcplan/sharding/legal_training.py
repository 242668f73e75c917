"""What every split of a training job must keep: one rule a function, with where it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dcplan.perf.arrays import take
from dcplan.perf.layouts import SHARDED_GRADIENTS
from dcplan.sharding.legal import heads_allow

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dcplan.catalog.types import Model
    from dcplan.perf.numbers import Array
    from dcplan.sharding.legal import Mask


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the rules must know of a job, whatever its split."""

    model: Model
    machine_devices: int
    sequence: int
    """Tokens."""
    batch: int
    """Sequences of a step."""
    shares_in_pipeline: bool
    """Whether the framework has ZeRO-2 and 3 together with a pipeline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """How many devices each kind of parallelism takes: one array a kind, all of one length."""

    place: Array
    """Which of the device counts that are looked at this is of."""
    tensor: Array
    pipeline: Array
    context: Array
    data: Array
    expert: Array
    expert_tensor: Array

    def __len__(self) -> int:
        return len(self.tensor)

    def take(self, rows: Any) -> Splits:
        """Only these rows: a mask, indices or a slice."""
        return take(self, rows)


def tensor_tiles_machines(shape: Shape, splits: Splits) -> Mask:
    """A tensor group lies in one machine, some of which fill it, or takes whole machines.

    A group that ends in the middle of a machine would put its four meetings a layer on links that others
    of the machine do not have: Narayanan et al. 2021 (arXiv 2104.04473) section 3.2, takeaway 1.
    """
    tensor, own = splits.tensor, shape.machine_devices
    out: Mask = (own % tensor == 0) | (tensor % own == 0)
    return out


def heads_split(shape: Shape, splits: Splits) -> Mask:
    """Attention heads are dealt out whole.

    Source: Shoeybi et al. 2019 (Megatron-LM, arXiv 1909.08053) section 3; Ainslie et al. 2023
    (arXiv 2305.13245) for key-value heads, which are copied beyond their number.
    """
    return heads_allow(shape.model, splits.tensor)


def widths_split(shape: Shape, splits: Splits) -> Mask:
    """Inner columns of MLPs are cut evenly, those of experts by expert tensor parallelism.

    Source: Shoeybi et al. 2019 section 3.
    """
    model = shape.model
    dense = model.ffn if not model.experts or model.dense_layers else 0
    out: Mask = dense % splits.tensor == 0
    if model.experts:
        out &= model.expert_ffn % splits.expert_tensor == 0
    return out


def experts_split(shape: Shape, splits: Splits) -> Mask:
    """Experts are dealt out evenly, over ranks of one pipeline stage, whole groups of them.

    Source: Lepikhin et al. 2020 (GShard, arXiv 2006.16668); Liu et al. 2025 (arXiv 2504.14960) for
    expert groups that are folded over tensor, context and data ranks.
    """
    ranks = splits.tensor * splits.context * splits.data
    experts = max(1, shape.model.experts)
    out: Mask = (experts % splits.expert == 0) & (ranks % (splits.expert * splits.expert_tensor) == 0)
    return out


def stages_have_layers(shape: Shape, splits: Splits) -> Mask:
    """Each stage has a layer; stages may be uneven.

    Source: Dubey et al. 2024 (Llama 3, arXiv 2407.21783) section 3.3.2, whose 126 layers lie unevenly
    on 16 stages.
    """
    out: Mask = splits.pipeline <= shape.model.layers
    return out


def sequence_splits(shape: Shape, splits: Splits) -> Mask:
    """A sequence is cut in two chunks a context rank, for a causal mask, and evenly over tensor ranks.

    The first and the last chunk together have as many pairs as the second and the last but one; where
    attention is full all chunks have, and one a rank is enough.  Source: Dubey et al. 2024 section 3.3.2 for
    the chunks, Liu et al. 2023 (Ring Attention, arXiv 2310.01889) without a mask; Korthikanti et al. 2022
    (arXiv 2205.05198) section 4.2.2 for sequence parallelism.
    """
    chunks = np.where(splits.context > 1, (1 + shape.model.causal) * splits.context, 1.0)
    out: Mask = (shape.sequence % chunks == 0) & (shape.sequence % (splits.context * splits.tensor) == 0)
    return out


def batch_splits(shape: Shape, splits: Splits) -> Mask:
    """Each data-parallel rank computes as many sequences of a step as the others."""
    out: Mask = shape.batch % splits.data == 0
    return out


Rule = tuple[str, "Callable[[Shape, Splits], Mask]"]

SPLIT_RULES: tuple[Rule, ...] = (
    ("tensor groups do not tile machines", tensor_tiles_machines),
    ("heads do not split", heads_split),
    ("widths do not split", widths_split),
    ("experts do not split", experts_split),
    ("stages without a layer", stages_have_layers),
    ("the sequence does not split", sequence_splits),
    ("the batch does not split", batch_splits),
)
"""What is said of a split that a rule turns away, and the rule, in the order in which they are tried."""

NO_MICRO_BATCH = "no micro-batch divides the batch"
NO_SCHEDULE = "no schedule suits the stages"
NO_SHARING = "no stage of ZeRO suits the ranks"
OPTION_RULES = (NO_MICRO_BATCH, NO_SCHEDULE, NO_SHARING)
"""What is said of a split that is legal, but with none of the options that are looked at."""


def micro_batches_fit(batch: int, data: Array, micro_batch: Array) -> Mask:
    """Each rank's sequences are whole micro-batches."""
    own = batch / data
    out: Mask = (own == np.floor(own)) & (own % micro_batch == 0)
    return out


def schedule_suits(layers: int, pipeline: Array, micro_batches: Array, virtual: Array) -> Mask:
    """Interleaving wants a layer in each virtual stage, and micro-batches in rounds of the stages.

    Virtual stages may be as uneven as plain ones.  Source: Narayanan et al. 2021 section 2.2.
    """
    filled = pipeline * virtual <= layers
    out: Mask = (virtual == 1) | ((pipeline > 1) & filled & (micro_batches % pipeline == 0))
    return out


def sharing_suits(shape: Shape, splits: Splits, zero: Array, shard: Array) -> Mask:
    """There is somebody to share with, and the data ranks of a shard (HSDP) divide all of them.

    ZeRO-2 and 3 scatter and gather again for each micro-batch that is under way in a pipeline, which not
    every framework has: the pipeline engine of DeepSpeed and Megatron-LM refuse it, Llama 3 (Dubey et al.
    2024 section 3.3) and torchtitan do it.  Sources: Rajbhandari et al. 2020 (arXiv 1910.02054) section 5;
    Zhao et al. 2023 (FSDP, arXiv 2304.11277) section 3.2 for shards.
    """
    data = splits.data
    alone = (zero == 0) | (data * splits.context > 1)
    hybrid = (shard == 0) | ((zero > 0) & (shard > 1) & (shard < data) & (data % np.maximum(shard, 1) == 0))
    piped = (zero < SHARDED_GRADIENTS) | (splits.pipeline == 1) | shape.shares_in_pipeline
    out: Mask = alone & hybrid & piped
    return out
