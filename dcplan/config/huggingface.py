"""A model's ``config.json``, as Hugging Face's transformers writes it -> Architecture.

What a family leaves unsaid stands in ``dcplan.config.families``.  Left out on
purpose: vision and audio towers beside a text model, tables of positions and
token types, poolers and heads for classes, heads for multi-token prediction,
and the gate on attention's output (Qwen3.5: 3 % of the active parameters).
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dcplan.config.check import architecture_problems
from dcplan.config.document import Architecture
from dcplan.config.families import FAMILIES, KINDS, PATTERN, UNDESCRIBED, Config, Family, Kind, Kinds
from dcplan.diag import ConfigPath, Diagnostic, Result, error, listed, warning

if TYPE_CHECKING:
    from pathlib import Path

_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")
_EXPERTS_PER_TOKEN = ("num_experts_per_tok", "experts_per_token", "top_k_experts")
_LISTS = ("layer_types", "layers_block_type")
_LARGEST_FILE_BYTES = 16 * 2**20


def read_architecture(file: Path, shown: str, at: ConfigPath) -> Result[Architecture]:
    """The architecture in a ``config.json``; diagnostics name the file and stand at ``at``."""
    try:
        if file.stat().st_size > _LARGEST_FILE_BYTES:
            return _unreadable(f"{shown} is too large for a config.json.", at)
        config = json.loads(file.read_bytes())
    except FileNotFoundError:
        return _unreadable(f"There is no {shown}. The path starts from the document's folder.", at)
    except OSError as problem:
        return _unreadable(f"{shown} cannot be read: {problem.strerror or type(problem).__name__}.", at)
    except (ValueError, RecursionError):
        return _unreadable(f"{shown} is not a JSON text. Download it anew.", at)
    if not isinstance(config, dict):
        return _unreadable(f"{shown} is not a JSON object. Give the path of a model's config.json.", at)
    return architecture(config, shown, at)


def architecture(config: Config, shown: str, at: ConfigPath) -> Result[Architecture]:
    """The architecture that a parsed ``config.json`` describes."""
    if config.get("is_encoder_decoder"):
        return _unreadable(
            f"{shown} describes an encoder-decoder; dcplan knows decoders and encoders, each by itself.", at
        )
    nested = config.get("text_config")
    text = {**config, **nested} if isinstance(nested, dict) else config
    model_type = text.get("model_type")
    family = FAMILIES.get(model_type) if isinstance(model_type, str) else None
    said = () if family else (_assumed(shown, at),)
    family = family or Family()
    keys = _Keys(_in_usual_words({**family.defaults, **_given(text)}, family))
    said = (*said, *_not_described(keys.config, shown, at))
    values = _values(keys, family)
    if keys.missing or keys.wrong:
        return Result(None, (*said, *keys.diagnostics(shown, at)))
    try:
        built = Architecture.model_validate(values)
    except ValidationError as problem:
        names = sorted({".".join(str(step) for step in e["loc"]) for e in problem.errors()})
        return Result(None, (*said, _unfit(shown, f"These are out of range: {listed(names)}.", at)))
    unfit = [_unfit(shown, detail, at) for _, detail in architecture_problems(built)]
    return Result(None if unfit else built, (*said, *unfit))


def _given(config: Config) -> Config:
    """The keys that say something; null means the same as a key left out."""
    return {key: value for key, value in config.items() if value is not None}


def _in_usual_words(config: Config, family: Family) -> Config:
    """The keys under the names that most families give them.

    Where tokens are patches of an image, the table of words is the projection
    of a patch's numbers, and there are as many positions as patches.
    """
    usual = {name: config[own] for name, own in family.names.items() if own in config}
    sizes = (config.get(key) for key in ("image_size", "patch_size", "num_channels"))
    image, patch, channels = (size if isinstance(size, int) else 0 for size in sizes)
    if family.patches and min(image, patch, channels) > 0:
        usual["vocab_size"] = channels * patch * patch
        usual["max_position_embeddings"] = (image // patch) ** 2 + 1
    ratio, hidden = config.get("mlp_ratio"), config.get("hidden_size")
    if family.patches and isinstance(ratio, int) and isinstance(hidden, int):
        usual.setdefault("intermediate_size", config.get("intermediate_size", ratio * hidden))
    return {**config, **usual}


def _causal(config: Config, family: Family) -> bool:
    """Whether tokens see only what stands before them: as the file says, by its task, else by the family.

    An encoder's layers in a decoder say ``is_decoder``, a decoder's that see
    both sides ``is_causal`` or ``use_bidirectional_attention``.
    """
    if isinstance(config.get("is_causal"), bool):
        return bool(config["is_causal"])
    if config.get("use_bidirectional_attention") is True:
        return False
    if config.get("is_decoder") is True:
        return True
    tasks = config.get("architectures")
    masked = isinstance(tasks, list) and any(str(task).endswith("ForMaskedLM") for task in tasks)
    return family.causal and not masked


class _Keys:
    """Looks keys up and remembers which were missing or no whole number."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.missing: list[str] = []
        self.wrong: list[str] = []

    def whole(self, *names: str) -> int:
        """The first of the keys that is there; it is noted when none is."""
        found = self.maybe(*names)
        if found is None and not any(name in self.wrong for name in names):
            self.missing.append(names[0])
        return found or 0

    def maybe(self, *names: str) -> int | None:
        """The first of the keys that is there, or None."""
        for name in names:
            value = self.config.get(name)
            if isinstance(value, int) and not isinstance(value, bool):
                return value
            if value is not None:
                self.wrong.append(name)
                return None
        return None

    def diagnostics(self, shown: str, at: ConfigPath) -> tuple[Diagnostic, ...]:
        """One diagnostic for each key that failed."""
        return tuple(
            error(
                "huggingface-key",
                "A config.json lacks what is needed",
                f'{shown}: the key "{name}" {why}. Mend the file, or write the model out under architecture.',
                path=at,
            )
            for names, why in ((self.missing, "is missing"), (self.wrong, "is not a whole number"))
            for name in dict.fromkeys(names)
        )


def _values(keys: _Keys, family: Family) -> dict[str, Any]:
    """The fields of Architecture; ``keys`` remembers what was missing."""
    config = keys.config
    listed_kinds = _listed_kinds(config)
    layers = keys.maybe("num_hidden_layers") or len(listed_kinds) or keys.whole("num_hidden_layers")
    kinds = _kinds(keys, family, listed_kinds, layers)
    positions = keys.maybe("max_position_embeddings") or 131_072
    max_context = max(positions - family.spare_positions, 1)
    window = keys.maybe(family.window)
    sliding = min(kinds[Kind.SLIDING], layers) if window and window < max_context else 0
    moe = _moe(keys, family, kinds, layers)
    mla = _mla(keys)
    # A family whose layers are all sparse has no dense layer to measure.
    ffn_names = (family.dense_ffn,) if moe is None else (family.dense_ffn, family.expert_ffn)
    return {
        **_layer_counts(kinds, layers),
        "hidden": keys.whole("hidden_size"),
        "heads": keys.whole("num_attention_heads"),
        "kv_heads": keys.maybe("num_key_value_heads"),
        # In latent attention files give one of the parts under this key, or nothing.
        "head_dim": None if mla else keys.maybe("head_dim"),
        "ffn": keys.whole(*ffn_names),
        "gated_ffn": family.gated,
        "vocab": keys.whole("vocab_size"),
        "tied_embeddings": bool(config.get("tie_word_embeddings", family.tied)),
        "max_context": max_context,
        "causal": _causal(config, family),
        "sliding_window": window if sliding else None,
        "sliding_layers": sliding,
        "moe": moe,
        "mla": mla,
        "sparse_attention": _sparse_attention(keys),
        "linear": _linear(keys, family, kinds),
    }


def _listed_kinds(config: Config) -> list[str]:
    """The kind of each layer in the file's own words; empty when it does not list them."""
    for key in _LISTS:
        if isinstance(config.get(key), list):
            return [str(kind) for kind in config[key]]
    pattern = config.get("hybrid_override_pattern")
    return [PATTERN.get(letter, letter) for letter in pattern] if isinstance(pattern, str) else []


def _kinds(keys: _Keys, family: Family, listed_kinds: list[str], layers: int) -> Kinds:
    """How many layers are of which kind: as listed, else by the family's rule."""
    if listed_kinds:
        return Counter(KINDS.get(kind, Kind.FULL) for kind in listed_kinds[:layers])
    if family.one_block:
        keys.missing.append("layers_block_type")
    return family.kinds(keys.config, layers)


def _layer_counts(kinds: Kinds, layers: int) -> dict[str, int | None]:
    """The counts of layers; None where Architecture's default says the same."""
    blocks = kinds[Kind.MLP] + kinds[Kind.EXPERTS]
    attention = layers - kinds[Kind.LINEAR] - blocks
    return {
        "layers": layers,
        "attention_layers": attention if blocks or kinds[Kind.BOTH] else None,
        "mlp_layers": blocks or None,
    }


def _moe(keys: _Keys, family: Family, kinds: Kinds, layers: int) -> dict[str, int] | None:
    """The experts, if there are any."""
    experts = keys.maybe(*_EXPERTS)
    if experts is None or experts <= 1 or (family.one_block and not kinds[Kind.EXPERTS]):
        return None
    expert_ffn = keys.whole(family.expert_ffn, "intermediate_size")
    shared_ffn = keys.maybe(family.shared_ffn) or 0
    shared = keys.maybe("n_shared_experts")
    if shared is None:
        shared = 1 if shared_ffn else family.shared_experts
    return {
        "experts": experts,
        "experts_per_token": keys.whole(*_EXPERTS_PER_TOKEN),
        "shared_experts": shared,
        "shared_ffn": shared_ffn if shared and shared_ffn != shared * expert_ffn else 0,
        "expert_ffn": expert_ffn,
        "expert_hidden": keys.maybe("moe_latent_size") or 0,
        "dense_layers": _dense_layers(keys, kinds, layers),
    }


def _dense_layers(keys: _Keys, kinds: Kinds, layers: int) -> int:
    """Layers without experts: as listed, the first few (DeepSeek), or by list and step (Qwen, Llama 4)."""
    if kinds[Kind.MLP] or kinds[Kind.EXPERTS]:
        return kinds[Kind.MLP]
    listed_mlps = keys.config.get("mlp_layer_types")
    if isinstance(listed_mlps, list):
        return listed_mlps[:layers].count("dense")
    sparse = keys.config.get("moe_layers")
    if isinstance(sparse, list):
        return layers - len({i for i in sparse if isinstance(i, int) and 0 <= i < layers})
    first = keys.maybe("first_k_dense_replace") or 0
    only = keys.config.get("mlp_only_layers")
    dense = set(only) if isinstance(only, list) and all(isinstance(i, int) for i in only) else set()
    step = max(keys.maybe("decoder_sparse_step", "interleave_moe_layer_step") or 1, 1)
    return sum(1 for i in range(min(layers, 10_000)) if i < first or i in dense or (i + 1) % step)


def _linear(keys: _Keys, family: Family, kinds: Kinds) -> dict[str, int] | None:
    """The linear mixers, if there are any: lightning attention, gated DeltaNet or Mamba-2, by their keys."""
    layers = kinds[Kind.LINEAR] + kinds[Kind.BOTH]
    if not layers:
        return None
    if family.lightning:
        heads = keys.whole("num_attention_heads")
        dim = keys.maybe("head_dim") or keys.whole("hidden_size") // max(heads, 1)
        shape = (heads, dim, heads, dim)
    elif "linear_num_value_heads" in keys.config:
        names = ("num_value_heads", "value_head_dim", "num_key_heads", "key_head_dim")
        heads, dim, key_heads, state = (keys.whole(f"linear_{name}") for name in names)
        shape = (heads, dim, key_heads, state)
    else:
        heads = keys.whole("mamba_num_heads", "mamba_n_heads")
        groups, state = (
            keys.whole("n_groups", "mamba_n_groups"),
            keys.whole("ssm_state_size", "mamba_d_state"),
        )
        shape = (heads, _mamba_head_dim(keys, heads), groups, state)
    fields = ("linear_heads", "linear_head_dim", "linear_key_heads", "linear_state_dim")
    return {"linear_layers": layers, **dict(zip(fields, shape, strict=True))}


def _mamba_head_dim(keys: _Keys, heads: int) -> int:
    """Width of a Mamba-2 head: as written, or ("auto") the heads' share of the inner width."""
    if keys.config.get("mamba_d_head") != "auto":
        return keys.whole("mamba_head_dim", "mamba_d_head")
    inner = keys.maybe("mamba_d_ssm") or (keys.maybe("mamba_expand") or 2) * keys.whole("hidden_size")
    return inner // max(heads, 1)


def _mla(keys: _Keys) -> dict[str, int] | None:
    """Multi-head latent attention, if the file has its ranks."""
    if keys.maybe("kv_lora_rank") is None:
        return None
    return {
        "q_lora_rank": keys.maybe("q_lora_rank") or 0,
        "kv_lora_rank": keys.whole("kv_lora_rank"),
        "qk_nope_dim": keys.whole("qk_nope_head_dim"),
        "qk_rope_dim": keys.whole("qk_rope_head_dim"),
        "v_head_dim": keys.whole("v_head_dim"),
    }


def _sparse_attention(keys: _Keys) -> dict[str, int] | None:
    """The indexer before attention, if the file has one."""
    if keys.maybe("index_topk") is None:
        return None
    return {
        "index_top_k": keys.whole("index_topk"),
        "index_heads": keys.whole("index_n_heads"),
        "index_head_dim": keys.whole("index_head_dim"),
    }


def _not_described(config: Config, shown: str, at: ConfigPath) -> tuple[Diagnostic, ...]:
    """A warning about the parts of the model that are read as something simpler."""
    parts = {part: None for key, part in UNDESCRIBED.items() if config.get(key)}
    if config.get("global_head_dim") == config.get("head_dim"):
        parts.pop(UNDESCRIBED["global_head_dim"], None)
    strange = dict.fromkeys(kind for kind in _listed_kinds(config) if kind not in KINDS)
    parts |= {f'layers of the kind "{kind[:40]}"': None for kind in [*strange][:3]}
    if not parts:
        return ()
    detail = (
        f"{shown} has {listed(tuple(parts))}. dcplan does not describe that: it was read as plain attention "
        "and MLPs of one width, so memory and time are less certain."
    )
    return (warning("huggingface-simplified", "A model was simplified", detail, path=at),)


def _assumed(shown: str, at: ConfigPath) -> Diagnostic:
    detail = f"{shown} names a model_type that dcplan does not know. It was read as if it were Llama's."
    return warning("huggingface-assumed", "A model's family is not known", detail, path=at)


def _unfit(shown: str, detail: str, at: ConfigPath) -> Diagnostic:
    summary = "A config.json does not describe a model"
    return error("huggingface-unfit", summary, f"{shown}: {detail}", path=at)


def _unreadable(detail: str, at: ConfigPath) -> Result[Architecture]:
    return Result(None, (error("huggingface-file", "A config.json cannot be used", detail, path=at),))
