"""What each family of models on Hugging Face leaves unsaid in its ``config.json``.

Key names, defaults and the rules for which layer is of which kind come from
the configuration classes of transformers 5.23 (github.com/huggingface/transformers,
src/transformers/models/<family>/configuration_<family>.py), read in 2026-11.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

Config = Mapping[str, Any]


class Kind(StrEnum):
    """What a layer holds."""

    FULL = "full attention"
    SLIDING = "sliding or chunked attention"
    LINEAR = "linear mixer"
    BOTH = "attention beside a linear mixer"
    MLP = "nothing but an MLP"
    EXPERTS = "nothing but experts"


Kinds = Counter[Kind]
"""How many layers are of which kind; what is left out has full attention."""

KINDS: Mapping[str, Kind] = {
    "full_attention": Kind.FULL,
    "attention": Kind.FULL,
    "indexed_attention": Kind.FULL,
    "sliding_attention": Kind.SLIDING,
    "chunked_attention": Kind.SLIDING,
    "linear_attention": Kind.LINEAR,
    "mamba": Kind.LINEAR,
    "mamba2": Kind.LINEAR,
    "hybrid": Kind.BOTH,
    "mlp": Kind.MLP,
    "moe": Kind.EXPERTS,
}
"""Entries of ``layer_types`` and ``layers_block_type``."""

PATTERN: Mapping[str, str] = {"M": "mamba", "*": "attention", "-": "mlp", "E": "moe"}
"""Letters of Nemotron-H's ``hybrid_override_pattern``."""


def _all_full(_config: Config, _layers: int) -> Kinds:
    return Counter()


def _all_sliding(_config: Config, layers: int) -> Kinds:
    return Counter({Kind.SLIDING: layers})


def _all_linear(_config: Config, layers: int) -> Kinds:
    return Counter({Kind.LINEAR: layers})


def _all_both(_config: Config, layers: int) -> Kinds:
    return Counter({Kind.BOTH: layers})


def _every_other_slides(_config: Config, layers: int) -> Kinds:
    """The first, third, fifth ... layer slides."""
    return Counter({Kind.SLIDING: (layers + 1) // 2})


def _all_but_each_sixth_slide(config: Config, layers: int) -> Kinds:
    """One layer in ``sliding_window_pattern`` sees everything (Gemma 3 report, arXiv 2503.19786)."""
    return Counter({Kind.SLIDING: layers - layers // _step(config, "sliding_window_pattern", 6)})


def _from_max_window_layers(config: Config, layers: int) -> Kinds:
    """Qwen: the layers from ``max_window_layers`` on slide, if sliding is on at all."""
    first = config.get("max_window_layers")
    if not config.get("use_sliding_window") or not isinstance(first, int):
        return Counter()
    return Counter({Kind.SLIDING: layers - min(first, layers)})


def _chunked_where_rotated(config: Config, layers: int) -> Kinds:
    """Llama 4: layers with rotary embeddings see a chunk, each fourth has none and sees everything."""
    rotated = config.get("no_rope_layers")
    if isinstance(rotated, list) and rotated:
        return Counter({Kind.SLIDING: rotated[:layers].count(1)})
    return Counter({Kind.SLIDING: layers - layers // _step(config, "no_rope_layer_interval", 4)})


def _linear_but_each_fourth(config: Config, layers: int) -> Kinds:
    """Qwen3-Next and Qwen3.5: one layer in ``full_attention_interval`` has softmax attention."""
    return Counter({Kind.LINEAR: layers - layers // _step(config, "full_attention_interval", 4)})


def _linear_but_listed(config: Config, layers: int) -> Kinds:
    """Bamba: softmax attention stands at ``attn_layer_indices``."""
    listed = config.get("attn_layer_indices")
    full = (
        {i for i in listed if isinstance(i, int) and 0 <= i < layers} if isinstance(listed, list) else set()
    )
    return Counter({Kind.LINEAR: layers - len(full)})


def _lightning(config: Config, layers: int) -> Kinds:
    """MiniMax-01: 0 in ``attn_type_list`` is lightning attention; without a list every second layer."""
    listed = config.get("attn_type_list")
    if isinstance(listed, list) and listed:
        return Counter({Kind.LINEAR: listed[:layers].count(0)})
    return Counter({Kind.LINEAR: layers // 2})


def _local_but_each_third(config: Config, layers: int) -> Kinds:
    """ModernBERT: the first of every ``global_attn_every_n_layers`` layers sees everything."""
    step = _step(config, "global_attn_every_n_layers", 3)
    return Counter({Kind.SLIDING: layers - -(-layers // step)})


def _step(config: Config, key: str, otherwise: int) -> int:
    """A period in layers, from the file where it is one."""
    step = config.get(key)
    return step if isinstance(step, int) and not isinstance(step, bool) and step > 0 else otherwise


@dataclass(frozen=True, slots=True)
class Family:
    """What a ``model_type`` leaves unsaid in its file."""

    tied: bool = False
    """Whether input and output embeddings are one, when the file does not say."""
    kinds: Callable[[Config, int], Kinds] = _all_full
    """Layers by kind, when the file does not list them."""
    defaults: Config = field(default_factory=dict)
    """Values that the family's files leave out."""
    window: str = "sliding_window"
    """The key with the tokens that a sliding layer sees."""
    dense_ffn: str = "intermediate_size"
    """The key with the width of a dense MLP."""
    expert_ffn: str = "moe_intermediate_size"
    """The key with the width of a routed expert."""
    shared_ffn: str = "shared_expert_intermediate_size"
    """The key with the width of all shared experts together."""
    shared_experts: int = 0
    """How many there are, when the file does not say."""
    gated: bool = True
    one_block: bool = False
    """A layer is a mixer or an MLP, never both, so the file must list them."""
    lightning: bool = False
    """Linear mixers have the heads of the softmax attention."""
    causal: bool = True
    """Whether tokens see only what stands before them, when the file does not say."""
    names: Mapping[str, str] = field(default_factory=dict)
    """The family's own words for keys, by the usual ones."""
    spare_positions: int = 0
    """Positions that no token takes: RoBERTa's tables begin after the padding's."""
    patches: bool = False
    """Its tokens are patches of an image."""


_GEMMA3 = Family(
    tied=True,
    kinds=_all_but_each_sixth_slide,
    defaults={
        "vocab_size": 262_208,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "sliding_window": 4096,
        "max_position_embeddings": 131_072,
    },
)
_GEMMA4 = replace(
    _GEMMA3,
    # The experts stand beside a dense MLP that every token passes: a shared expert by another name.
    shared_ffn="intermediate_size",
    defaults={**_GEMMA3.defaults, "vocab_size": 262_144, "sliding_window": 512, "global_head_dim": 512},
)
_QWEN = Family(kinds=_from_max_window_layers)
_DELTA_NET = Family(
    kinds=_linear_but_each_fourth,
    defaults={
        "head_dim": 256,
        "linear_num_key_heads": 16,
        "linear_num_value_heads": 32,
        "linear_key_head_dim": 128,
        "linear_value_head_dim": 128,
    },
)
_LLAMA4 = Family(
    kinds=_chunked_where_rotated,
    window="attention_chunk_size",
    dense_ffn="intermediate_size_mlp",
    expert_ffn="intermediate_size",
    shared_experts=1,
    defaults={"attention_chunk_size": 8192, "head_dim": 128},
)
_LIGHTNING = Family(kinds=_lightning, expert_ffn="intermediate_size", lightning=True)
_MAMBA2 = {"mamba_n_groups": 1, "mamba_d_state": 256, "mamba_expand": 2}
_SPARSE = {"index_topk": 2048, "index_head_dim": 128, "first_k_dense_replace": 3}
_BERT = Family(tied=True, gated=False, causal=False, defaults={"max_position_embeddings": 512})
_ROBERTA = replace(_BERT, spare_positions=2, defaults={"max_position_embeddings": 514})
_VIT = Family(
    tied=True,
    gated=False,
    causal=False,
    patches=True,
    defaults={"image_size": 224, "patch_size": 16, "num_channels": 3},
)

FAMILIES: Mapping[str, Family] = {
    "llama": Family(),
    "llama4": _LLAMA4,
    "llama4_text": _LLAMA4,
    "mistral": Family(kinds=_all_sliding),
    "mixtral": Family(kinds=_all_sliding, expert_ffn="intermediate_size"),
    "qwen2": _QWEN,
    "qwen2_moe": _QWEN,
    "qwen3": _QWEN,
    "qwen3_moe": _QWEN,
    "qwen3_next": _DELTA_NET,
    "qwen3_5": _DELTA_NET,
    "qwen3_5_text": _DELTA_NET,
    "qwen3_5_moe": _DELTA_NET,
    "qwen3_5_moe_text": _DELTA_NET,
    "gemma2": Family(tied=True, kinds=_every_other_slides),
    "gemma3": _GEMMA3,
    "gemma3_text": _GEMMA3,
    "gemma4": _GEMMA4,
    "gemma4_text": _GEMMA4,
    "phi3": Family(kinds=_all_sliding),
    "gpt_oss": Family(kinds=_every_other_slides, expert_ffn="intermediate_size"),
    "deepseek_v2": Family(),
    "deepseek_v3": Family(),
    "deepseek_v32": Family(defaults={**_SPARSE, "index_n_heads": 64}),
    "kimi_k2": Family(),
    "kimi_k25": Family(),
    "glm4_moe": Family(),
    "glm_moe_dsa": Family(defaults={**_SPARSE, "index_n_heads": 32}),
    "minimax": _LIGHTNING,
    "minimax_text_01": _LIGHTNING,
    "minimax_m1": _LIGHTNING,
    "minimax_m2": Family(expert_ffn="intermediate_size", defaults={"head_dim": 128}),
    "nemotron_h": Family(
        shared_ffn="moe_shared_expert_intermediate_size",
        gated=False,
        one_block=True,
        defaults={"head_dim": 128},
    ),
    "bamba": Family(kinds=_linear_but_listed, defaults=_MAMBA2),
    "falcon_h1": Family(kinds=_all_both, defaults=_MAMBA2),
    "granitemoehybrid": Family(
        kinds=_all_linear,
        defaults=_MAMBA2,
        dense_ffn="shared_intermediate_size",
        expert_ffn="intermediate_size",
        shared_ffn="shared_intermediate_size",
    ),
    "albert": _BERT,
    "bert": _BERT,
    "camembert": _ROBERTA,
    "deberta": _BERT,
    "deberta-v2": _BERT,
    "distilbert": replace(
        _BERT,
        names={
            "hidden_size": "dim",
            "intermediate_size": "hidden_dim",
            "num_attention_heads": "n_heads",
            "num_hidden_layers": "n_layers",
        },
    ),
    "esm": replace(_BERT, spare_positions=2, defaults={"max_position_embeddings": 1026}),
    "modernbert": Family(
        tied=True,
        causal=False,
        kinds=_local_but_each_third,
        window="local_attention",
        defaults={"local_attention": 128, "max_position_embeddings": 8192},
    ),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "xlm-roberta-xl": _ROBERTA,
    "deit": _VIT,
    "dinov2": replace(_VIT, defaults={**_VIT.defaults, "patch_size": 14, "mlp_ratio": 4}),
    "siglip_vision_model": _VIT,
    "vit": _VIT,
    "vit_mae": _VIT,
}
"""By ``model_type``; a nested ``text_config`` has one of its own."""

UNDESCRIBED: Mapping[str, str] = {
    "hidden_size_per_layer_input": "embeddings of their own in each layer",
    "num_kv_shared_layers": "layers that share keys and values",
    "use_double_wide_mlp": "MLPs of two widths",
    "global_head_dim": "attention heads of two widths",
    "compress_ratios": "keys and values compressed along the sequence",
    "compress_rates": "keys and values compressed along the sequence",
    "hc_mult": "hyper-connections",
    "num_hidden_groups": "layers that share their weights",
    "relative_attention": "attention scores of relative positions",
    "use_swiglu_ffn": "gated MLPs of their own width",
}
"""Keys that change time or memory in a way that Architecture cannot say, where they are set."""
