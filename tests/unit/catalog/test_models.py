"""The catalogue's models."""

from __future__ import annotations

import pytest

from dcplan.catalog import AttentionKind, Model, Source, catalog_model_names, load_catalog_model
from dcplan.catalog.models import model_of

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


def parameters(m: Model) -> int:
    """All weights but the small ones (norms, biases), counted matrix by matrix."""
    if m.attention is AttentionKind.MLA:
        key = m.qk_nope_dim + m.qk_rope_dim
        attention = (
            m.hidden * m.q_lora_rank
            + m.q_lora_rank * m.heads * key
            + m.hidden * (m.kv_lora_rank + m.qk_rope_dim)
            + m.kv_lora_rank * m.heads * (m.qk_nope_dim + m.v_head_dim)
            + m.heads * m.v_head_dim * m.hidden
        )
    else:
        attention = 2 * m.hidden * m.head_dim * (m.heads + m.kv_heads)
    matrices = 3 if m.gated_ffn else 2
    dense_mlp = matrices * m.hidden * m.ffn
    expert_mlp = matrices * m.hidden * m.expert_ffn * (m.experts + m.shared_experts) + m.hidden * m.experts
    expert_layers = m.layers - m.dense_layers if m.experts else 0
    mlps = expert_layers * expert_mlp + (m.layers - expert_layers) * dense_mlp
    embeddings = m.vocab * m.hidden * (1 if m.tied_embeddings else 2)
    return m.layers * attention + mlps + embeddings


def test_every_model_has_a_published_size() -> None:
    """No model is added without a figure to check it against."""
    assert set(PARAMETERS) == set(catalog_model_names())


@pytest.mark.parametrize("name", catalog_model_names())
def test_architecture_adds_up_to_the_published_size(name: str) -> None:
    """The weights that an architecture implies are within 1 % of what its makers say."""
    assert parameters(catalog_model(name)) == pytest.approx(PARAMETERS[name], rel=0.01)


@pytest.mark.parametrize("name", catalog_model_names())
def test_model_knows_its_name_and_source(name: str) -> None:
    """Each model is called as its file and cites the config.json it was read from."""
    model = catalog_model(name)

    assert name == model.name
    assert model.source.name.startswith("config.json of ")
    assert model.source.date.startswith("20")


@pytest.mark.parametrize("name", catalog_model_names())
def test_heads_share_evenly(name: str) -> None:
    """Query heads fall into equal groups, and windows cover no more layers than there are."""
    model = catalog_model(name)

    assert model.heads % model.kv_heads == 0
    assert model.sliding_layers <= model.layers
    assert (model.sliding_window is None) == (model.sliding_layers == 0)
    assert model.experts_per_token <= model.experts
    assert model.dense_layers < model.layers


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
