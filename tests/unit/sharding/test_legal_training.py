"""Rules of legal training layouts, each on a split that keeps it and on one that breaks it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dcplan.catalog import load_catalog_model
from dcplan.sharding import legal_training as rules
from dcplan.sharding.legal_training import Shape, Splits


def shape_for(name: str = "llama-3.1-70b", *, batch: int = 512, sequence: int = 8192) -> Shape:
    """A job on machines of eight devices."""
    model = load_catalog_model(name)
    assert model is not None
    return Shape(model=model, machine_devices=8, sequence=sequence, batch=batch, shares_in_pipeline=True)


def splits(**columns: list[float]) -> Splits:
    """Some splits; what is not said is 1."""
    rows = max(len(column) for column in columns.values())
    names = ("place", "tensor", "pipeline", "context", "data", "expert", "expert_tensor")
    return Splits(**{name: np.array(columns.get(name, [1.0] * rows), dtype=np.float64) for name in names})


def test_tensor_groups_tile_machines() -> None:
    """1, 2, 4 and 8 fill machines of eight, 16 takes two of them; 3 and 12 end in the middle of one."""
    sizes = splits(tensor=[1, 2, 4, 8, 16, 3, 12])
    found = rules.tensor_tiles_machines(shape_for(), sizes)

    assert list(found) == [True, True, True, True, True, False, False]


def test_widths_are_cut_evenly() -> None:
    """28,672 columns split over 8 and over 7, not over 5."""
    assert list(rules.widths_split(shape_for(), splits(tensor=[8, 7, 5]))) == [True, True, False]


def test_experts_are_dealt_out_over_ranks_of_one_stage() -> None:
    """256 experts go over 8 of 8 ranks, not over 3, and not over more ranks than there are."""
    shape = shape_for("deepseek-v3")
    tried = splits(tensor=[8, 8, 2], data=[1, 3, 2], expert=[8, 3, 8])

    assert list(rules.experts_split(shape, tried)) == [True, False, False]


def test_expert_tensor_ranks_count_among_the_group() -> None:
    """Four ranks of experts, each cut in two, need eight ranks, and an expert width that two divides."""
    shape = shape_for("deepseek-v3")
    tried = splits(tensor=[8, 4], expert=[4, 4], expert_tensor=[2, 2])

    assert list(rules.experts_split(shape, tried)) == [True, False]
    assert list(rules.widths_split(shape, splits(expert_tensor=[2, 3]))) == [True, False]


@pytest.mark.parametrize(("stages", "legal"), [(1, True), (6, True), (35, True), (80, True), (81, False)])
def test_stages_may_be_uneven_but_not_empty(stages: int, legal: bool) -> None:
    """80 layers lie on any number of stages up to 80, whether it divides them or not."""
    assert bool(rules.stages_have_layers(shape_for(), splits(pipeline=[stages]))[0]) is legal


def test_a_sequence_is_cut_in_two_chunks_a_context_rank() -> None:
    """8,192 tokens are cut for 2 and 4,096 ranks, not for 3 and for 8,192."""
    tried = splits(context=[1, 2, 4096, 3, 8192])

    assert list(rules.sequence_splits(shape_for(), tried)) == [True, True, True, False, False]


def test_sequence_parallel_comes_with_tensor_parallel() -> None:
    """Tensor ranks share out the tokens, so that 4,097 of them forbid any tensor parallelism."""
    tried = splits(tensor=[1, 2])

    assert list(rules.sequence_splits(shape_for(sequence=4097), tried)) == [True, False]


def test_data_ranks_divide_the_batch() -> None:
    """512 sequences go over 256 ranks, not over 3 and not over 1,024."""
    assert list(rules.batch_splits(shape_for(), splits(data=[256, 3, 1024]))) == [True, False, False]


def test_micro_batches_are_whole() -> None:
    """8 sequences a rank are micro-batches of 1, 2, 4 or 8."""
    sizes = np.array([1.0, 2.0, 3.0, 8.0, 16.0])

    assert list(rules.micro_batches_fit(512, np.array(64.0), sizes)) == [True, True, False, True, False]


def test_interleaving_wants_layers_for_all_and_rounds_of_micro_batches() -> None:
    """80 layers interleave as 4 x 5 and as 4 x 3; not as 4 x 21, with 6 micro-batches, or alone."""
    pipeline, batches = np.array([4.0, 4.0, 4.0, 4.0, 1.0, 3.0]), np.array([8.0, 8.0, 8.0, 6.0, 8.0, 8.0])
    virtual = np.array([5.0, 3.0, 21.0, 5.0, 5.0, 1.0])
    found = rules.schedule_suits(80, pipeline, batches, virtual)

    assert list(found) == [True, True, False, False, False, True]


def test_sharing_wants_somebody_to_share_with() -> None:
    """ZeRO needs a second rank; a hybrid shard is smaller than the group and divides it."""
    tried = splits(data=[1, 8, 8, 8, 8])
    zero, shard = np.array([1.0, 1.0, 3.0, 3.0, 0.0]), np.array([0.0, 0.0, 4.0, 3.0, 4.0])

    assert list(rules.sharing_suits(shape_for(), tried, zero, shard)) == [False, True, True, False, False]


def test_context_ranks_share_too() -> None:
    """Ranks of a context group hold the same weights."""
    tried = splits(context=[2])

    assert rules.sharing_suits(shape_for(), tried, np.array([3.0]), np.array([0.0]))[0]


def test_not_every_framework_shares_weights_in_a_pipeline() -> None:
    """ZeRO-1 goes with any pipeline, 2 and 3 only where the framework has it."""
    tried = splits(data=[8, 8], pipeline=[2, 2])
    zero, shard = np.array([1.0, 3.0]), np.zeros(2)
    strict = replace(shape_for(), shares_in_pipeline=False)

    assert list(rules.sharing_suits(strict, tried, zero, shard)) == [True, False]
    assert list(rules.sharing_suits(shape_for(), tried, zero, shard)) == [True, True]
