"""The catalogue's models."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from dcplan.catalog import AttentionKind, Model, Source, catalog_model_names, load_catalog_model
from dcplan.catalog.load import read_data
from dcplan.catalog.models import model_of
from dcplan.config.check import architecture_problems
from dcplan.config.document import Architecture

PARAMETERS = {
    "llama-2-70b": 69.0e9,
    "llama-3.1-8b": 8.03e9,
    "llama-3.1-70b": 70.6e9,
    "llama-3.1-405b": 405.9e9,
    "llama-3.2-1b": 1.24e9,
    "llama-3.2-3b": 3.21e9,
    "llama-3.3-70b": 70.6e9,
    "qwen2.5-7b": 7.62e9,
    "qwen2.5-72b": 72.7e9,
    "qwen3-8b": 8.19e9,
    "qwen3-32b": 32.8e9,
    "qwen3-30b-a3b": 30.5e9,
    "qwen3-235b-a22b": 235e9,
    "mistral-7b": 7.25e9,
    "mixtral-8x7b": 46.7e9,
    "mixtral-8x22b": 140.6e9,
    "deepseek-v3": 671e9,
    "deepseek-r1": 671e9,
    "kimi-k2": 1026e9,
    "gpt-oss-20b": 20.9e9,
    "gpt-oss-120b": 116.8e9,
    "gemma-2-27b": 27.2e9,
    "gemma-3-27b": 27.0e9,
    # Gemma 3 report (arXiv 2503.19786), table 1, without the vision encoder.
    "gemma-3-12b": 11.77e9,
    "gemma-4-31b": 30.7e9,
    "nemotron-3-nano": 31.6e9,
    "nemotron-3.5-lightning": 31.6e9,
    "nemotron-3-super": 120.6e9,
    "nemotron-3-ultra": 550e9,
    "nemotron-h-56b": 56e9,
    "qwen3.5-397b-a17b": 397e9,
    "qwen3-coder-480b-a35b": 480e9,
    "glm-5": 744e9,
    "deepseek-v3.1": 671e9,
    "deepseek-v3.2": 671e9,
    "kimi-k2.5": 1026e9,
    "minimax-m2.5": 229e9,
    "llama-4-scout": 109e9,
    "llama-4-maverick": 400e9,
    "mpt-125m": 0.124e9,
    "mpt-350m": 0.354e9,
    "mpt-760m": 0.758e9,
    "mpt-1b": 1.313e9,
    "mpt-3b": 2.648e9,
    "mpt-7b": 6.653e9,
    "mpt-13b": 12.846e9,
    "mpt-30b": 29.964e9,
    "mpt-70b": 64.862e9,
    "gpt-3-175b": 175e9,
    "megatron-1.7b": 1.7e9,
    "megatron-18b": 18.4e9,
    "megatron-22b": 22e9,
    "megatron-39b": 39.1e9,
    "megatron-76b": 76.1e9,
    "megatron-310b": 310.1e9,
    "megatron-530b": 529.6e9,
    "megatron-1t": 1008.0e9,
    "megatron-core-16b": 16e9,
    "megatron-core-32b": 32e9,
    "megatron-core-70b": 70e9,
    "megatron-core-177b": 177e9,
    "megatron-core-314b": 314e9,
    "megatron-core-462b": 462e9,
    "palm-540b": 540e9,
    "maxtext-16b": 16e9,
    "maxtext-22b": 22e9,
    "maxtext-32b": 32e9,
    "maxtext-52b": 52e9,
    "maxtext-64b": 64e9,
    "maxtext-128b": 128e9,
    "maxtext-256b": 256e9,
    "maxtext-512b": 512e9,
    "maxtext-1024b": 1024e9,
    # Without its head: model card of google-bert/bert-large-uncased (336M with positions and the pooler).
    "bert-large": 335e6,
    # arXiv 2412.13663, section 2.1.4.
    "modernbert-large": 395e6,
    # Model card of FacebookAI/xlm-roberta-large.
    "xlm-roberta-large": 560e6,
}
"""As published with each model."""

ROUND_NAMES = {"maxtext-128b", "maxtext-256b", "maxtext-512b", "maxtext-1024b", "megatron-1.7b"}
"""Published as round figures: by their shapes 125, 250, 499, 997 and 1.65 billion."""

ACTIVE = {
    "nemotron-3-nano": 3.6e9,
    "nemotron-3-super": 12.7e9,
    "nemotron-3-ultra": 55e9,
    "qwen3-30b-a3b": 3.3e9,
    "qwen3-235b-a22b": 22e9,
    "qwen3-coder-480b-a35b": 35e9,
    "qwen3.5-397b-a17b": 17e9,
    "deepseek-v3": 37e9,
    "glm-5": 40e9,
    "kimi-k2.5": 32e9,
    "minimax-m2.5": 10e9,
    "llama-4-scout": 17e9,
    "llama-4-maverick": 17e9,
    "mixtral-8x7b": 12.9e9,
    "mixtral-8x22b": 39.1e9,
    "gpt-oss-120b": 5.1e9,
    "gpt-oss-20b": 3.6e9,
}
"""As published with each model."""

LLAMA = {
    "layers": 32,
    "hidden": 4096,
    "heads": 32,
    "kv_heads": 8,
    "head_dim": 128,
    "ffn": 14336,
    "vocab": 128256,
    "max_context": 131072,
}

SOURCE = Source(name="a test", date="2026")


def catalog_model(name: str) -> Model:
    """A model that must be in the catalogue."""
    model = load_catalog_model(name)
    assert model is not None
    return model


def attention_weights(m: Model) -> int:
    """Of one layer with softmax attention, the indexer of sparse attention included."""
    if m.attention is not AttentionKind.MLA:
        return 2 * m.hidden * m.head_dim * (m.heads + m.kv_heads)
    key = m.qk_nope_dim + m.qk_rope_dim
    return (
        m.hidden * m.q_lora_rank
        + m.q_lora_rank * m.heads * key
        + m.hidden * (m.kv_lora_rank + m.qk_rope_dim)
        + m.kv_lora_rank * m.heads * (m.qk_nope_dim + m.v_head_dim)
        + m.heads * m.v_head_dim * m.hidden
        + m.q_lora_rank * m.index_heads * m.index_head_dim
        + m.hidden * (m.index_head_dim + m.index_heads)
    )


def linear_weights(m: Model) -> int:
    """Of one linear mixer: value, gate, key and query in, value out."""
    value, key = m.linear_heads * m.linear_head_dim, m.linear_key_heads * m.linear_state_dim
    return m.hidden * (2 * value + 2 * key) + value * m.hidden


def expert_weights(m: Model, experts: int) -> int:
    """Of one layer of experts, of which ``experts`` routed ones count."""
    matrices = 3 if m.gated_experts else 2
    seen = m.expert_hidden or m.hidden
    latent = 2 * m.hidden * m.expert_hidden
    shared = matrices * m.hidden * (m.shared_ffn or m.shared_experts * m.expert_ffn)
    return experts * matrices * seen * m.expert_ffn + latent + shared + m.hidden * m.experts


def parameters(m: Model, experts: int, tables: int) -> int:
    """All weights but norms, biases and convolutions, with so many experts and tables of words."""
    moe_layers = m.mlp_layers - m.dense_layers if m.experts else 0
    return (
        m.attention_layers * attention_weights(m)
        + m.linear_layers * linear_weights(m)
        + moe_layers * expert_weights(m, experts)
        + (m.mlp_layers - moe_layers) * (3 if m.gated_ffn else 2) * m.hidden * m.ffn
        + tables * m.vocab * m.hidden
    )


def test_every_model_has_a_published_size() -> None:
    """No model is added without a figure to check it against."""
    assert set(PARAMETERS) == set(catalog_model_names())


@pytest.mark.parametrize("name", catalog_model_names())
def test_architecture_adds_up_to_the_published_size(name: str) -> None:
    """The weights that an architecture implies are within 2 % of what its makers say."""
    model = catalog_model(name)
    tables = 1 if model.tied_embeddings else 2
    tolerance = 0.035 if name in ROUND_NAMES else 0.02

    assert parameters(model, model.experts, tables) == pytest.approx(PARAMETERS[name], rel=tolerance)


@pytest.mark.parametrize("name", ACTIVE)
def test_architecture_adds_up_to_the_published_active_size(name: str) -> None:
    """So are the weights that one token passes; some makers count both tables of words, some one or none."""
    model = catalog_model(name)
    counts = [parameters(model, model.experts_per_token, tables) for tables in (2, 1, 0)]

    assert any(count == pytest.approx(ACTIVE[name], rel=0.02) for count in counts), counts


@pytest.mark.parametrize("name", catalog_model_names())
def test_model_knows_its_name_and_source(name: str) -> None:
    """Each model is called as its file and cites the file or paper it was read from."""
    model = catalog_model(name)

    assert name == model.name
    assert re.match(r"arXiv \d{4}\.\d{5}, table|\S+ of \S+/?\S+", model.source.name)
    assert model.source.date.startswith("20")


@pytest.mark.parametrize("name", catalog_model_names())
def test_architecture_passes_the_documents_checks(name: str) -> None:
    """A file of the catalogue has the keys of a document's architecture, and they fit each other."""
    fields = read_data(f"models/{name}.yaml")
    architecture = Architecture.model_validate(
        {k: v for k, v in fields.items() if k not in {"source", "date"}}
    )

    assert list(architecture_problems(architecture)) == []


@pytest.mark.parametrize("name", catalog_model_names())
def test_heads_share_evenly(name: str) -> None:
    """Query heads fall into equal groups, and windows cover no more layers than attend."""
    model = catalog_model(name)

    assert model.heads % model.kv_heads == 0
    assert model.sliding_layers <= model.attention_layers
    assert (model.sliding_window is None) == (model.sliding_layers == 0)
    assert model.experts_per_token <= model.experts
    assert model.dense_layers < model.mlp_layers


def test_hybrid_layers_are_told_apart() -> None:
    """Nemotron-H's layers hold one block each, Qwen3.5's a mixer and experts."""
    nano = catalog_model("nemotron-3-nano")
    qwen = catalog_model("qwen3.5-397b-a17b")

    assert (nano.layers, nano.attention_layers, nano.linear_layers, nano.mlp_layers) == (52, 6, 23, 23)
    assert (qwen.layers, qwen.attention_layers, qwen.linear_layers, qwen.mlp_layers) == (60, 15, 45, 60)


def test_layers_left_out_follow() -> None:
    """Without counts of their own, all layers attend and have an MLP, and experts are as the MLP."""
    model = model_of("m", LLAMA | {"gated_ffn": False}, SOURCE)

    assert (model.attention_layers, model.mlp_layers, model.linear_layers) == (32, 32, 0)
    assert model.gated_experts is False


def test_a_renamed_model_keeps_its_layers() -> None:
    """What followed from the other fields when a model was built stays as it is in a copy."""
    model = catalog_model("qwen3.5-397b-a17b")

    assert replace(model, name="mine") == replace(model, name="mine", attention_layers=15, gated_experts=True)


def test_latent_experts_and_indexers_are_read() -> None:
    """Super's experts see a latent; GLM-5 attends to the tokens that its indexer chose."""
    super_, glm = catalog_model("nemotron-3-super"), catalog_model("glm-5")

    assert (super_.expert_hidden, super_.shared_ffn, super_.gated_experts) == (1024, 5376, False)
    assert (glm.index_top_k, glm.index_heads, glm.index_head_dim) == (2048, 32, 128)
    assert glm.head_dim == 192 + 64


def test_latent_attention_is_recognised() -> None:
    """DeepSeek-V3 compresses keys and values, and its query heads have two parts."""
    model = catalog_model("deepseek-v3")

    assert model.attention is AttentionKind.MLA
    assert model.head_dim == 128 + 64


def test_a_stranger_is_none() -> None:
    """Neither an unknown name nor a path that leads elsewhere is a model."""
    assert load_catalog_model("llama-9") is None
    assert load_catalog_model("../accelerators") is None


def test_what_is_left_out_follows_from_the_rest() -> None:
    """Without key-value heads each head has its own, and heads divide the hidden size."""
    model = model_of("m", LLAMA | {"kv_heads": None, "head_dim": None}, SOURCE)

    assert model.kv_heads == 32
    assert model.head_dim == 128
    assert model.attention is AttentionKind.MHA
    assert model.gated_ffn


def test_a_documents_architecture_becomes_a_model() -> None:
    """Every group of keys of a document reaches the model under the same names."""
    linear = {
        "linear_layers": 24,
        "linear_heads": 64,
        "linear_head_dim": 64,
        "linear_key_heads": 8,
        "linear_state_dim": 128,
    }
    sparse = {"index_top_k": 2048, "index_heads": 32, "index_head_dim": 128}
    moe = {
        "experts": 8,
        "experts_per_token": 2,
        "shared_experts": 1,
        "expert_ffn": 512,
        "gated_experts": False,
    }
    written = Architecture.model_validate(
        LLAMA | {"linear": linear, "sparse_attention": sparse, "moe": moe | {"expert_hidden": 1024}}
    )
    model = model_of("m", written.model_dump(), SOURCE)

    for key, value in (linear | sparse | moe | {"expert_hidden": 1024}).items():
        assert value == getattr(model, key), key
    assert (model.attention_layers, model.mlp_layers, model.gated_ffn) == (8, 32, True)
