"""Hugging Face's config.json of encoders: attention is full, and each family's own words are understood."""

from __future__ import annotations

from typing import Any

import pytest

from dcplan.catalog import load_catalog_model
from dcplan.catalog.models import model_of
from dcplan.config.document import Architecture
from dcplan.config.huggingface import architecture

AT = ("models", "m", "huggingface")
BERT: dict[str, Any] = {
    "model_type": "bert", "architectures": ["BertForMaskedLM"], "hidden_size": 1024,
    "intermediate_size": 4096, "max_position_embeddings": 512, "num_attention_heads": 16,
    "num_hidden_layers": 24, "type_vocab_size": 2, "vocab_size": 30522, "hidden_act": "gelu",
}  # fmt: skip
MODERN: dict[str, Any] = {
    "model_type": "modernbert", "architectures": ["ModernBertForMaskedLM"], "hidden_size": 1024,
    "intermediate_size": 2624, "max_position_embeddings": 8192, "num_attention_heads": 16,
    "num_hidden_layers": 28, "vocab_size": 50368, "local_attention": 128, "global_attn_every_n_layers": 3,
}  # fmt: skip
XLM_R: dict[str, Any] = BERT | {
    "model_type": "xlm-roberta", "architectures": ["XLMRobertaForMaskedLM"],
    "max_position_embeddings": 514, "vocab_size": 250002,
}  # fmt: skip
LLAMA: dict[str, Any] = {
    "model_type": "llama", "hidden_size": 2048, "intermediate_size": 8192, "num_attention_heads": 32,
    "num_hidden_layers": 16, "num_key_value_heads": 8, "max_position_embeddings": 131072,
    "vocab_size": 128256,
}  # fmt: skip


def _read(config: dict[str, Any]) -> Architecture:
    result = architecture(config, "config.json", AT)

    assert result.diagnostics == ()
    return result.unwrap()


@pytest.mark.parametrize(
    ("name", "config"), [("bert-large", BERT), ("modernbert-large", MODERN), ("xlm-roberta-large", XLM_R)]
)
def test_a_config_json_is_what_the_catalogue_has(name: str, config: dict[str, Any]) -> None:
    """The file of a model that the catalogue has becomes the same model."""
    expected = load_catalog_model(name)
    assert expected is not None

    assert expected == model_of(name, _read(config).model_dump(), expected.source)


@pytest.mark.parametrize(
    ("config", "causal"),
    [
        (BERT, False),
        (BERT | {"is_decoder": True, "architectures": ["BertLMHeadModel"]}, True),
        (BERT | {"is_decoder": False}, False),
        (BERT | {"model_type": "roberta", "architectures": None}, False),
        (LLAMA, True),
        (LLAMA | {"is_causal": False}, False),
        (LLAMA | {"use_bidirectional_attention": True}, False),
        (LLAMA | {"architectures": ["LlamaForMaskedLM"]}, False),
        (LLAMA | {"architectures": ["LlamaForCausalLM"], "is_decoder": False}, True),
    ],
)
def test_who_sees_both_sides(config: dict[str, Any], causal: bool) -> None:
    """The file's own word goes first, then the task it was saved for, then the family."""
    assert causal == _read(config).causal


def test_modernberts_layers_as_listed_are_those_of_its_rule() -> None:
    """Newer files list each layer's kind; older ones say that each third sees everything."""
    kinds = ["sliding_attention" if layer % 3 else "full_attention" for layer in range(28)]

    assert _read(MODERN) == _read(MODERN | {"layer_types": kinds})


def test_distilbert_has_words_of_its_own() -> None:
    """``dim``, ``n_layers`` and the like mean what other families call otherwise."""
    model = _read({
        "model_type": "distilbert", "dim": 768, "hidden_dim": 3072, "n_heads": 12, "n_layers": 6,
        "max_position_embeddings": 512, "vocab_size": 30522,
    })  # fmt: skip

    assert (model.layers, model.hidden, model.heads, model.ffn) == (6, 768, 12, 3072)
    assert not model.causal


def test_a_vision_transformer_reads_patches() -> None:
    """Its tokens are patches, whose numbers are projected as words are looked up."""
    model = _read({
        "model_type": "vit", "hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16,
        "num_hidden_layers": 24, "image_size": 224, "patch_size": 16, "num_channels": 3,
    })  # fmt: skip

    assert (model.vocab, model.max_context, model.causal) == (768, 197, False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model_type": "deberta-v2", "relative_attention": True}, "relative positions"),
        ({"model_type": "albert", "num_hidden_groups": 1}, "share their weights"),
    ],
)
def test_what_cannot_be_described_is_told(change: dict[str, Any], words: str) -> None:
    """DeBERTa's further scores and ALBERT's shared layers are read as something simpler, with a warning."""
    result = architecture(BERT | change, "config.json", AT)

    assert result.ok
    assert [d.code for d in result.diagnostics] == ["huggingface-simplified"]
    assert words in result.diagnostics[0].detail


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"index_topk": 64, "index_n_heads": 4, "index_head_dim": 64}, "indexer"),
        (
            {"layer_types": ["linear_attention"] * 24, "linear_num_value_heads": 16,
             "linear_value_head_dim": 64, "linear_num_key_heads": 16, "linear_key_head_dim": 64},
            "one direction",
        ),
    ],
)  # fmt: skip
def test_what_reads_in_one_direction_is_no_encoders(change: dict[str, Any], key: str) -> None:
    """Indexers and linear mixers look at what stands before a token only."""
    result = architecture(BERT | change, "config.json", AT)

    assert result.value is None
    assert key in result.diagnostics[0].detail
