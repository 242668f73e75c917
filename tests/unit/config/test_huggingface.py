"""Hugging Face's config.json: each family's own keys become the same nouns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from dcplan.config.document import Architecture, MlaSpec, MoeSpec
from dcplan.config.huggingface import architecture, read_architecture

if TYPE_CHECKING:
    from pathlib import Path

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
QWEN3_MOE: dict[str, Any] = {
    "model_type": "qwen3_moe", "hidden_size": 2048, "intermediate_size": 6144, "num_attention_heads": 32,
    "num_hidden_layers": 48, "num_key_value_heads": 4, "head_dim": 128, "max_position_embeddings": 40960,
    "vocab_size": 151936, "num_experts": 128, "num_experts_per_tok": 8, "moe_intermediate_size": 768,
    "mlp_only_layers": [], "decoder_sparse_step": 1, "sliding_window": None, "use_sliding_window": False,
    "max_window_layers": 48, "tie_word_embeddings": False,
}  # fmt: skip


def _read(config: dict[str, Any]) -> Architecture:
    result = architecture(config, "config.json", AT)

    assert result.diagnostics == ()
    return result.unwrap()


def test_llama() -> None:
    """The plain case: grouped-query attention, gated feed-forward, no experts."""
    expected = Architecture(
        layers=32, hidden=4096, heads=32, kv_heads=8, ffn=14336, vocab=128256, max_context=131072
    )

    assert expected == _read(LLAMA)


def test_deepseek_v3() -> None:
    """Latent attention, shared experts and three dense layers."""
    model = _read(DEEPSEEK_V3)

    assert model.mla == MlaSpec(
        q_lora_rank=1536, kv_lora_rank=512, qk_nope_dim=128, qk_rope_dim=64, v_head_dim=128
    )
    assert model.moe == MoeSpec(
        experts=256, experts_per_token=8, shared_experts=1, expert_ffn=2048, dense_layers=3
    )
    assert model.ffn == 18432


def test_qwen3_moe() -> None:
    """A head dimension of its own; sliding switched off."""
    model = _read(QWEN3_MOE)

    assert model.head_dim == 128
    assert model.moe == MoeSpec(experts=128, experts_per_token=8, expert_ffn=768)
    assert model.sliding_layers == 0


@pytest.mark.parametrize("expert_key", ["num_local_experts"])
@pytest.mark.parametrize("model_type", ["mixtral", "gpt_oss"])
def test_experts_as_large_as_the_layer(model_type: str, expert_key: str) -> None:
    """Mixtral and gpt-oss give the experts' width as ``intermediate_size``."""
    model = _read(LLAMA | {"model_type": model_type, expert_key: 8, "num_experts_per_tok": 2})

    assert model.moe == MoeSpec(experts=8, experts_per_token=2, expert_ffn=14336)


@pytest.mark.parametrize(
    ("change", "layers", "window"),
    [
        ({"model_type": "mistral", "sliding_window": 4096}, 32, 4096),
        ({"model_type": "mistral", "sliding_window": None}, 0, None),
        ({"model_type": "phi3", "sliding_window": 262144}, 0, None),
        ({"model_type": "gemma2", "sliding_window": 4096}, 16, 4096),
        ({"model_type": "gpt_oss", "sliding_window": 128}, 16, 128),
        (
            {"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": True,
             "max_window_layers": 28},
            4, 4096,
        ),
        ({"model_type": "qwen2", "sliding_window": 4096, "use_sliding_window": False}, 0, None),
        ({"sliding_window": 4096, "layer_types": ["sliding_attention"] * 3 + ["full_attention"]}, 3, 4096),
    ],
)  # fmt: skip
def test_sliding_windows_follow_the_family(change: dict[str, Any], layers: int, window: int | None) -> None:
    """How many layers slide is each family's own rule, unless ``layer_types`` says it."""
    model = _read(LLAMA | change)

    assert (model.sliding_layers, model.sliding_window) == (layers, window)


def test_gemma3_is_nested_and_leaves_defaults_out() -> None:
    """The text model stands under ``text_config``; what is missing is the family's default."""
    config = {
        "model_type": "gemma3",
        "text_config": {
            "model_type": "gemma3_text", "hidden_size": 2560, "intermediate_size": 10240,
            "num_hidden_layers": 34, "sliding_window": 1024,
        },
        "vision_config": {"hidden_size": 1152},
    }  # fmt: skip
    model = _read(config)

    assert (model.hidden, model.heads, model.kv_heads, model.head_dim) == (2560, 8, 4, 256)
    assert (model.sliding_layers, model.sliding_window) == (29, 1024)
    assert model.tied_embeddings
    assert model.vocab == 262_208


def test_dense_layers_of_glm_and_qwen() -> None:
    """The first few, or by list and step."""
    glm = DEEPSEEK_V3 | {"model_type": "glm4_moe", "first_k_dense_replace": 1, "kv_lora_rank": None}
    qwen = QWEN3_MOE | {"mlp_only_layers": [0], "decoder_sparse_step": 2}

    assert _read(glm).moe.dense_layers == 1  # type: ignore[union-attr]
    assert _read(glm).mla is None
    assert _read(qwen).moe.dense_layers == 24  # type: ignore[union-attr]


def test_an_unknown_family_is_read_as_llama_with_a_warning() -> None:
    """Llama-like keys are enough, but the user is told what was assumed."""
    result = architecture(LLAMA | {"model_type": "brand_new"}, "config.json", AT)

    assert result.ok
    assert [d.code for d in result.diagnostics] == ["huggingface-assumed"]


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"num_hidden_layers": None}, "huggingface-key", '"num_hidden_layers" is missing'),
        ({"vocab_size": "many"}, "huggingface-key", '"vocab_size" is not a whole number'),
        ({"hidden_size": 0}, "huggingface-unfit", "hidden"),
        ({"num_key_value_heads": 5}, "huggingface-unfit", "multiple of kv_heads"),
        ({"is_encoder_decoder": True}, "huggingface-file", "each by itself"),
    ],
)
def test_what_does_not_fit_is_told_with_file_and_key(change: dict[str, Any], code: str, words: str) -> None:
    """The diagnostic names both and stands at the document's path."""
    result = architecture(LLAMA | change, "llama/config.json", AT)

    assert result.value is None
    assert [d.code for d in result.diagnostics] == [code]
    assert "llama/config.json" in result.diagnostics[0].detail
    assert words in result.diagnostics[0].detail
    assert result.diagnostics[0].path == AT


@pytest.mark.parametrize("text", ["", "[]", "not json", "[" * 100_000])
def test_what_is_no_json_object_is_told(tmp_path: Path, text: str) -> None:
    """Any file may be named by mistake."""
    file = tmp_path / "config.json"
    file.write_text(text, encoding="utf-8")

    assert [d.code for d in read_architecture(file, "config.json", AT).diagnostics] == ["huggingface-file"]


def test_a_file_is_read(tmp_path: Path) -> None:
    """From the disk as from the mapping."""
    file = tmp_path / "config.json"
    file.write_text(json.dumps(LLAMA), encoding="utf-8")

    assert _read(LLAMA) == read_architecture(file, "config.json", AT).unwrap()


def test_a_shared_expert_of_another_width() -> None:
    """Qwen2-MoE's shared expert is eight times as wide as the routed ones, and it is one."""
    model = _read(QWEN3_MOE | {"model_type": "qwen2_moe", "shared_expert_intermediate_size": 8 * 768})

    assert (model.moe.shared_experts, model.moe.shared_ffn) == (1, 6144)  # type: ignore[union-attr]
