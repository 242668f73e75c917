"""Any JSON under the keys of a config.json is read or told, never a traceback."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.config.families import FAMILIES, UNDESCRIBED
from dcplan.config.huggingface import architecture
from dcplan.diag import Severity

KEYS = (
    "num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim",
    "vocab_size", "intermediate_size", "intermediate_size_mlp", "sliding_window", "layer_types",
    "layers_block_type", "hybrid_override_pattern", "full_attention_interval", "no_rope_layers",
    "moe_layers", "mlp_layer_types", "attn_layer_indices", "attn_type_list", "num_local_experts",
    "num_experts_per_tok", "n_shared_experts", "moe_intermediate_size", "interleave_moe_layer_step",
    "decoder_sparse_step", "mamba_d_head", "mamba_n_heads", "index_topk", "kv_lora_rank", "text_config",
    "max_window_layers", "use_sliding_window",
)  # fmt: skip
NUMBERS = st.sampled_from([-1, 0, 1, 2, 3, 8, 32, 4096, 10**6, 10**30])
WORDS = st.sampled_from(
    ["auto", "mamba", "moe", "mlp", "attention", "sliding_attention", "dense", "ME*-", "?"]
)
VALUES = st.one_of(NUMBERS, WORDS, st.none(), st.booleans(), st.floats(), st.lists(st.one_of(NUMBERS, WORDS)))
COMPLETE: dict[str, Any] = {
    "num_hidden_layers": 4, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 1000,
    "intermediate_size": 128,
}  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(
    family=st.sampled_from([*FAMILIES, "brand_new"]),
    change=st.dictionaries(st.sampled_from([*KEYS, *UNDESCRIBED]), VALUES),
)
def test_a_config_json_is_read_or_told(family: str, change: dict[str, Any]) -> None:
    """What comes back adds up, or a diagnostic says at its place why nothing does."""
    result = architecture(COMPLETE | change | {"model_type": family}, "config.json", ("models", "m"))

    assert (result.value is not None) == all(d.severity is not Severity.ERROR for d in result.diagnostics)
    assert all(d.path == ("models", "m") for d in result.diagnostics)
