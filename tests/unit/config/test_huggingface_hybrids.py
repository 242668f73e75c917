"""Hugging Face's config.json of stacks whose layers differ: mixers, chunks, indexers, latent experts."""

from __future__ import annotations

from typing import Any

import pytest

from dcplan.config.document import Architecture, LinearSpec, MoeSpec, SparseAttentionSpec
from dcplan.config.huggingface import architecture

AT = ("models", "m", "huggingface")
LLAMA: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336, "num_attention_heads": 32,
    "num_hidden_layers": 32, "num_key_value_heads": 8, "max_position_embeddings": 131072,
    "vocab_size": 128256, "tie_word_embeddings": False, "hidden_act": "silu",
}  # fmt: skip
DEEPSEEK_V3: dict[str, Any] = {
    "model_type": "deepseek_v3", "hidden_size": 7168, "intermediate_size": 18432, "num_attention_heads": 128,
    "num_hidden_layers": 61, "num_key_value_heads": 128, "max_position_embeddings": 163840,
    "vocab_size": 129280,
    "n_routed_experts": 256, "num_experts_per_tok": 8, "n_shared_experts": 1, "moe_intermediate_size": 2048,
    "first_k_dense_replace": 3, "moe_layer_freq": 1, "q_lora_rank": 1536, "kv_lora_rank": 512,
    "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128, "tie_word_embeddings": False,
}  # fmt: skip
NEMOTRON_NANO: dict[str, Any] = {
    "model_type": "nemotron_h", "hidden_size": 2688, "intermediate_size": 1856, "num_hidden_layers": 52,
    "hybrid_override_pattern": "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
    "num_attention_heads": 32, "num_key_value_heads": 2, "head_dim": 128, "vocab_size": 131072,
    "max_position_embeddings": 262144, "mamba_num_heads": 64, "mamba_head_dim": 64, "n_groups": 8,
    "ssm_state_size": 128, "n_routed_experts": 128, "num_experts_per_tok": 6, "n_shared_experts": 1,
    "moe_intermediate_size": 1856, "moe_shared_expert_intermediate_size": 3712, "n_group": 1,
    "mlp_hidden_act": "relu2", "tie_word_embeddings": False,
}  # fmt: skip
QWEN35: dict[str, Any] = {
    "model_type": "qwen3_5_moe_text", "hidden_size": 4096, "num_hidden_layers": 60, "num_attention_heads": 32,
    "num_key_value_heads": 2, "head_dim": 256, "vocab_size": 248320, "max_position_embeddings": 262144,
    "full_attention_interval": 4, "linear_num_value_heads": 64, "linear_value_head_dim": 128,
    "linear_num_key_heads": 16, "linear_key_head_dim": 128, "num_experts": 512, "num_experts_per_tok": 10,
    "moe_intermediate_size": 1024, "shared_expert_intermediate_size": 1024,
}  # fmt: skip
LLAMA4: dict[str, Any] = {
    "model_type": "llama4_text", "hidden_size": 5120, "intermediate_size": 8192, "num_hidden_layers": 48,
    "intermediate_size_mlp": 16384, "num_attention_heads": 40, "num_key_value_heads": 8, "head_dim": 128,
    "vocab_size": 202048, "max_position_embeddings": 1048576, "attention_chunk_size": 8192,
    "num_local_experts": 128, "num_experts_per_tok": 1, "interleave_moe_layer_step": 2, "no_rope_layers": [],
}  # fmt: skip
GLM5: dict[str, Any] = DEEPSEEK_V3 | {
    "model_type": "glm_moe_dsa", "head_dim": 64, "index_topk": 2048, "index_n_heads": 32,
    "index_head_dim": 128,
}  # fmt: skip
BAMBA: dict[str, Any] = LLAMA | {
    "model_type": "bamba", "attn_layer_indices": [9, 18, 27], "mamba_n_heads": 128, "mamba_d_head": "auto",
    "mamba_n_groups": 1, "mamba_d_state": 128, "mamba_expand": 2,
}  # fmt: skip


def _read(config: dict[str, Any]) -> Architecture:
    result = architecture(config, "config.json", AT)

    assert result.diagnostics == ()
    return result.unwrap()


def test_nemotron_h_lists_its_blocks_by_letter() -> None:
    """Each layer is one block, experts are not gated, and the shared one is wider than the others."""
    model = _read(NEMOTRON_NANO)

    assert (model.layers, model.attention_layers, model.mlp_layers) == (52, 6, 23)
    assert model.linear == LinearSpec(
        linear_layers=23, linear_heads=64, linear_head_dim=64, linear_key_heads=8, linear_state_dim=128
    )
    assert model.moe == MoeSpec(
        experts=128, experts_per_token=6, shared_experts=1, shared_ffn=3712, expert_ffn=1856
    )
    assert not model.gated_ffn


@pytest.mark.parametrize(
    "words",
    [
        {"M": "mamba", "E": "moe", "*": "attention"},
        {"M": "linear_attention", "E": "moe", "*": "full_attention"},
    ],
)
def test_nemotron_h_lists_its_blocks_by_word(words: dict[str, str]) -> None:
    """Later files give a word for each layer in place of letters, and no count; experts may see a latent."""
    blocks = [words[letter] for letter in NEMOTRON_NANO["hybrid_override_pattern"]]
    by_word = {"hybrid_override_pattern": None, "num_hidden_layers": None, "layers_block_type": blocks}

    assert _read(NEMOTRON_NANO) == _read(NEMOTRON_NANO | by_word)
    assert _read(NEMOTRON_NANO | {"moe_latent_size": 1024}).moe.expert_hidden == 1024  # type: ignore[union-attr]


def test_dense_nemotron_h_has_no_experts() -> None:
    """Experts count only where the pattern has some; the MLPs in it are dense."""
    model = _read(NEMOTRON_NANO | {"hybrid_override_pattern": "M-M-M*-M-", "num_hidden_layers": 9})

    assert (model.attention_layers, model.mlp_layers, model.moe) == (1, 4, None)


def test_nemotron_h_without_its_blocks_is_told() -> None:
    """Nothing can be assumed of a stack whose layers differ."""
    result = architecture(NEMOTRON_NANO | {"hybrid_override_pattern": None}, "config.json", AT)

    assert result.value is None
    assert [d.code for d in result.diagnostics] == ["huggingface-key"]
    assert '"layers_block_type" is missing' in result.diagnostics[0].detail


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"full_attention_interval": None},
        {"layer_types": (["linear_attention"] * 3 + ["full_attention"]) * 15},
    ],
)
def test_gated_delta_net_stands_between_attention(change: dict[str, Any]) -> None:
    """Qwen3.5 has three linear mixers to one attention, by list, by interval or by default."""
    model = _read(QWEN35 | change)

    assert model.linear == LinearSpec(
        linear_layers=45, linear_heads=64, linear_head_dim=128, linear_key_heads=16, linear_state_dim=128
    )
    assert (model.attention_layers, model.mlp_layers) == (None, None)
    assert model.moe == MoeSpec(experts=512, experts_per_token=10, shared_experts=1, expert_ffn=1024)


def test_llama4_has_chunks_and_experts_in_every_second_layer() -> None:
    """Chunked attention is a window, the dense MLP has a key of its own, one shared expert goes unsaid."""
    model = _read({"model_type": "llama4", "text_config": LLAMA4})

    assert (model.sliding_layers, model.sliding_window, model.ffn) == (36, 8192, 16384)
    assert model.moe == MoeSpec(
        experts=128, experts_per_token=1, shared_experts=1, expert_ffn=8192, dense_layers=24
    )
    assert _read(LLAMA4 | {"moe_layers": [1, 3, 5]}).moe.dense_layers == 45  # type: ignore[union-attr]
    assert _read(LLAMA4 | {"no_rope_layers": [1, 1, 0] * 16}).sliding_layers == 32


def test_sparse_attention_has_an_indexer() -> None:
    """GLM-5 and DeepSeek-V3.2 have an indexer before latent attention; ``head_dim`` is a part of it."""
    model = _read(GLM5)

    assert model.sparse_attention == SparseAttentionSpec(index_top_k=2048, index_heads=32, index_head_dim=128)
    assert model.head_dim is None
    assert _read(DEEPSEEK_V3 | {"model_type": "deepseek_v32"}).sparse_attention == SparseAttentionSpec(
        index_top_k=2048, index_heads=64, index_head_dim=128
    )


def test_listed_mlps_say_which_are_dense() -> None:
    """A list wins over the count of the first few."""
    model = _read(GLM5 | {"mlp_layer_types": ["dense"] * 2 + ["sparse"] * 59})

    assert model.moe.dense_layers == 2  # type: ignore[union-attr]


def test_kimi_nests_deepseek() -> None:
    """Kimi K2.5's language model is DeepSeek-V3's architecture with other numbers."""
    text = DEEPSEEK_V3 | {"model_type": "kimi_k2", "n_routed_experts": 384, "first_k_dense_replace": 1}
    model = _read({"model_type": "kimi_k25", "text_config": text, "vision_config": {"hidden_size": 1152}})

    assert model.moe == MoeSpec(
        experts=384, experts_per_token=8, shared_experts=1, expert_ffn=2048, dense_layers=1
    )


def test_minimax_m2_gives_the_experts_width_as_the_layers() -> None:
    """All layers are mixtures of experts, and nothing is linear any more."""
    change = {"model_type": "minimax_m2", "num_local_experts": 256, "num_experts_per_tok": 8, "head_dim": 128}
    model = _read(LLAMA | change | {"intermediate_size": 1536})

    assert model.moe == MoeSpec(experts=256, experts_per_token=8, expert_ffn=1536)
    assert model.linear is None


@pytest.mark.parametrize("change", [{}, {"attn_type_list": ([0] * 7 + [1]) * 4}])
def test_lightning_attention_has_the_heads_of_softmax_attention(change: dict[str, Any]) -> None:
    """MiniMax-01 lists its lightning layers as 0; without a list every second layer is one."""
    model = _read(
        LLAMA | {"model_type": "minimax", "num_local_experts": 8, "num_experts_per_tok": 2} | change
    )

    assert model.linear == LinearSpec(
        linear_layers=28 if change else 16,
        linear_heads=32,
        linear_head_dim=128,
        linear_key_heads=32,
        linear_state_dim=128,
    )


def test_mamba_hybrids_keep_their_mlps() -> None:
    """Bamba's layers hold a mixer and an MLP; "auto" shares the inner width among the heads."""
    model = _read(BAMBA)

    assert model.linear == LinearSpec(
        linear_layers=29, linear_heads=128, linear_head_dim=64, linear_key_heads=1, linear_state_dim=128
    )
    assert (model.attention_layers, model.mlp_layers) == (None, None)


def test_falcon_h1_has_both_mixers_in_each_layer() -> None:
    """Attention and Mamba-2 run side by side, so neither replaces the other."""
    change = {"model_type": "falcon_h1", "mamba_d_ssm": 4096, "mamba_n_heads": 32, "attn_layer_indices": None}
    model = _read(BAMBA | change)

    assert model.attention_layers == 32
    assert (model.linear.linear_layers, model.linear.linear_head_dim) == (32, 128)  # type: ignore[union-attr]


def test_granite_hybrid_without_experts_has_its_shared_mlp() -> None:
    """Zero experts leave what is otherwise the shared expert."""
    granite = BAMBA | {
        "model_type": "granitemoehybrid", "shared_intermediate_size": 8192, "num_local_experts": 0,
        "layer_types": ["mamba"] * 30 + ["attention"] * 2,
    }  # fmt: skip
    experts = _read(granite | {"num_local_experts": 64, "num_experts_per_tok": 6, "intermediate_size": 768})

    assert (_read(granite).moe, _read(granite).ffn) == (None, 8192)
    assert experts.moe == MoeSpec(
        experts=64, experts_per_token=6, shared_experts=1, shared_ffn=8192, expert_ffn=768
    )


def test_gemma4_with_experts_keeps_its_mlp_beside_them() -> None:
    """The MLP that every token passes is a shared expert in all but name."""
    text = {
        "model_type": "gemma4_text", "hidden_size": 2816, "intermediate_size": 2112, "num_hidden_layers": 30,
        "num_attention_heads": 16, "num_key_value_heads": 8, "enable_moe_block": True, "num_experts": 128,
        "top_k_experts": 8, "moe_intermediate_size": 704, "sliding_window": 1024,
        "layer_types": (["sliding_attention"] * 5 + ["full_attention"]) * 5,
    }  # fmt: skip
    result = architecture({"model_type": "gemma4", "text_config": text}, "config.json", AT)

    assert result.unwrap().moe == MoeSpec(
        experts=128, experts_per_token=8, shared_experts=1, shared_ffn=2112, expert_ffn=704
    )
    assert result.unwrap().sliding_layers == 25
    assert [d.code for d in result.diagnostics] == ["huggingface-simplified"]
    assert "attention heads of two widths" in result.diagnostics[0].detail


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"num_kv_shared_layers": 20}, "layers that share keys and values"),
        ({"hidden_size_per_layer_input": 256}, "embeddings of their own in each layer"),
        ({"compress_ratios": [4, 128], "hc_mult": 4}, "along the sequence and hyper-connections"),
        ({"layer_types": ["conv", "full_attention"] * 16}, 'layers of the kind "conv"'),
    ],
)
def test_what_cannot_be_described_is_told(change: dict[str, Any], words: str) -> None:
    """A model is read as something simpler only with a warning that names the part."""
    result = architecture(LLAMA | change, "config.json", AT)

    assert result.ok
    assert [d.code for d in result.diagnostics] == ["huggingface-simplified"]
    assert words in result.diagnostics[0].detail


@pytest.mark.parametrize("change", [{"num_kv_shared_layers": 0}, {"head_dim": 128, "global_head_dim": 128}])
def test_parts_that_are_switched_off_are_not_told(change: dict[str, Any]) -> None:
    """Keys that say the part is absent are no reason to warn."""
    assert _read(LLAMA | change).layers == 32


@pytest.mark.parametrize("missing", ["mamba_num_heads", "mamba_head_dim", "n_groups", "ssm_state_size"])
def test_a_mixer_without_its_shape_is_told(missing: str) -> None:
    """Each key that the state's size needs is named."""
    result = architecture(NEMOTRON_NANO | {missing: None}, "config.json", AT)

    assert result.value is None
    assert [f'"{missing}" is missing' in d.detail for d in result.diagnostics] == [True]
