"""Memory of serving and training."""

from __future__ import annotations

import pytest

from dcplan.catalog import load_accelerators, load_catalog_model
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.perf.device import Device, device_of
from dcplan.perf.engine import Engine, engine_of
from dcplan.perf.framework import Framework, framework_of
from dcplan.perf.layouts import layouts_of
from dcplan.perf.numbers import row
from dcplan.perf.parameters import Parameters, parameters_of
from dcplan.perf.serving_memory import cache_room_bytes, sequence_bytes, serving_memory
from dcplan.perf.training_memory import optimizer_parameters, training_memory
from dcplan.perf.types import Layout


def known(name: str) -> Parameters:
    """The parameters of a model of the catalogue."""
    model = load_catalog_model(name)
    assert model is not None
    return parameters_of(model)


def engine() -> Engine:
    """An engine without figures of its own."""
    return engine_of(load_efficiencies().of(load_accelerators()["H100"]))


def framework() -> Framework:
    """A training framework without figures of its own."""
    return framework_of(load_efficiencies().of(load_accelerators()["H100"]), "bf16")


def h100(precision: str = "bf16") -> Device:
    """An H100."""
    chip = load_accelerators()["H100"]
    device = device_of(chip, precision, load_efficiencies().of(chip))
    assert device is not None
    return device


def test_weights_of_a_replica_are_two_bytes_a_parameter() -> None:
    """Llama 70B in bf16 on 8 devices holds an eighth of 141 GB on each."""
    p = known("llama-3.1-70b")
    memory = serving_memory(p, layouts_of(Layout(tensor=8)), h100(), engine(), 0.0).one(0)

    assert memory.weights_bytes == pytest.approx(141.1e9 / 8, rel=0.01)
    assert memory.kv_cache_bytes == 0


def test_fp8_halves_the_linear_layers_only() -> None:
    """Embeddings and the head stay in 16 bits."""
    p = known("llama-3.1-8b")
    memory = serving_memory(p, layouts_of(Layout()), h100("fp8"), engine(), 0.0).one(0)

    assert memory.weights_bytes == pytest.approx(p.linear_total + 2 * p.wide_total)


def test_the_cache_of_grouped_queries_is_split_up_to_its_heads() -> None:
    """Llama 70B keeps 320 KiB a token; 8 devices share it, 16 do not share it further."""
    layouts = layouts_of(Layout(tensor=1), Layout(tensor=8), Layout(tensor=16))
    per_token = sequence_bytes(known("llama-3.1-70b"), layouts, h100(), 1.0)

    assert [row(per_token, i) / 1024 for i in range(3)] == [320, 40, 40]


def test_the_latent_cache_is_on_every_device() -> None:
    """DeepSeek-V3 keeps 576 numbers a layer and token, and each tensor rank keeps all of them."""
    layouts = layouts_of(Layout(tensor=1), Layout(tensor=8))
    per_token = sequence_bytes(known("deepseek-v3"), layouts, h100(), 1.0)

    assert row(per_token, 0) == row(per_token, 1) == 61 * 576 * 2


def test_a_model_that_does_not_fit_has_no_room_for_tokens() -> None:
    """Llama 70B in bf16 does not fit on one H100."""
    layouts = layouts_of(Layout(tensor=1), Layout(tensor=8))
    capacity = cache_room_bytes(known("llama-3.1-70b"), layouts, h100(), engine())

    assert row(capacity, 0) < 0 < row(capacity, 1)


def test_training_states_take_eighteen_bytes_a_parameter() -> None:
    """Weights 2, gradients 4, master weights and moments 12 bytes; ZeRO-1 shares out the last."""
    p = known("llama-3.1-8b")
    plain = training_memory(p, layouts_of(Layout()), framework(), 4096, 1.0).one(0)
    zero = training_memory(p, layouts_of(Layout(data=8, zero=1)), framework(), 4096, 1.0).one(0)
    states = plain.weights_bytes + plain.gradients_bytes + plain.optimizer_bytes

    assert states == pytest.approx(18 * p.total)
    assert zero.optimizer_bytes == pytest.approx(12 * p.total / 8)


@pytest.mark.parametrize("expert", [1, 8, 64])
def test_zero_shares_each_state_out_once_however_experts_are_split(expert: int) -> None:
    """The ranks of an expert group are data-parallel ranks: all devices together keep one optimiser."""
    p = known("deepseek-v3")
    layouts = layouts_of(Layout(data=64, expert=expert, zero=1), Layout(data=64, expert=expert, zero=3))
    memory = training_memory(p, layouts, framework(), 4096, 1.0)

    assert memory.one(0).optimizer_bytes * 64 == pytest.approx(12 * p.total)
    assert memory.one(1).gradients_bytes * 64 == pytest.approx(4 * p.total)
    assert 0 < memory.one(1).weights_bytes < memory.one(0).weights_bytes
    assert row(optimizer_parameters(p, layouts), 0) * 64 == pytest.approx(p.total)


def test_a_hybrid_of_zero_keeps_more_than_sharing_with_all() -> None:
    """Eight devices share one copy of the state: an eighth each, however many copies there are."""
    p = known("llama-3.1-8b")
    layouts = layouts_of(Layout(data=64, zero=3, shard=8), Layout(data=64, zero=3), Layout(data=64))
    hybrid, all_of_them, plain = (
        training_memory(p, layouts, framework(), 4096, 1.0).one(i) for i in range(3)
    )

    assert hybrid.optimizer_bytes == pytest.approx(12 * p.total / 8)
    assert all_of_them.total_bytes < hybrid.total_bytes < plain.total_bytes


def test_a_pipeline_keeps_what_it_gathered() -> None:
    """Under ZeRO-3 a stage's weights and gradients stay whole until its last micro-batch has passed."""
    p = known("llama-3.1-8b")
    memory = training_memory(p, layouts_of(Layout(pipeline=4, data=8, zero=3)), framework(), 4096, 8.0).one(0)

    assert memory.weights_bytes == pytest.approx(2 * p.total / 4, rel=0.2)
    assert memory.gradients_bytes == pytest.approx(2 * memory.weights_bytes)


def test_gpipe_keeps_all_micro_batches_and_1f1b_as_many_as_stages() -> None:
    """With 16 micro-batches through four stages, GPipe holds about four times as many activations."""
    layouts = layouts_of(
        Layout(pipeline=4), Layout(pipeline=4, schedule="gpipe"), Layout(pipeline=4, virtual_stages=2)
    )
    memory = training_memory(known("llama-3.1-70b"), layouts, framework(), 4096, 16.0)
    plain, gpipe, interleaved = (memory.one(i).activations_bytes for i in range(3))

    assert 3 * plain < gpipe < 4.1 * plain
    assert plain < interleaved < 2 * plain


def test_recomputing_keeps_less() -> None:
    """Full recomputing stores less than selective, and selective less than none."""
    layouts = layouts_of(*(Layout(recompute=level) for level in ("none", "selective", "full")))
    memory = training_memory(known("llama-3.1-8b"), layouts, framework(), 8192, 1.0)
    none, selective, full = (memory.one(i).activations_bytes for i in range(3))

    assert none > selective > full > 0
