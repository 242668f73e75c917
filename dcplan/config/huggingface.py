"""A model's ``config.json``, as Hugging Face's transformers writes it -> Architecture.

Key names and defaults come from the configuration classes of transformers
(github.com/huggingface/transformers, src/transformers/models/<family>/configuration_<family>.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dcplan.config.check import architecture_problems
from dcplan.config.document import Architecture
from dcplan.diag import ConfigPath, Diagnostic, Result, error, listed, warning

if TYPE_CHECKING:
    from pathlib import Path

Config = Mapping[str, Any]


def _no_layers(_config: Config, _layers: int) -> int:
    return 0


def _all_layers(_config: Config, layers: int) -> int:
    return layers


def _every_other_layer(_config: Config, layers: int) -> int:
    """The first, third, fifth ... layer slides."""
    return (layers + 1) // 2


def _all_but_each_sixth(config: Config, layers: int) -> int:
    """One layer in ``sliding_window_pattern`` sees everything (Gemma 3 report, arXiv 2503.19786)."""
    pattern = config.get("sliding_window_pattern")
    return layers - layers // (pattern if isinstance(pattern, int) and pattern > 0 else 6)


def _from_max_window_layers(config: Config, layers: int) -> int:
    """Qwen: the layers from ``max_window_layers`` on slide, if sliding is on at all."""
    if not config.get("use_sliding_window"):
        return 0
    first = config.get("max_window_layers")
    return layers - min(first, layers) if isinstance(first, int) else 0


@dataclass(frozen=True, slots=True)
class _Family:
    """What a ``model_type`` leaves unsaid in its file."""

    tied: bool = False
    """Whether input and output embeddings are one, when the file does not say."""
    sliding: Callable[[Config, int], int] = _no_layers
    """How many layers slide, when there is a window and no ``layer_types``."""
    defaults: Config = field(default_factory=dict)
    """Values that the family's files leave out."""
    expert_ffn: str = "moe_intermediate_size"


_GEMMA3 = _Family(
    tied=True,
    sliding=_all_but_each_sixth,
    defaults={
        "vocab_size": 262_208,
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "sliding_window": 4096,
        "max_position_embeddings": 131_072,
    },
)
_FAMILIES: Mapping[str, _Family] = {
    "llama": _Family(),
    "mistral": _Family(sliding=_all_layers),
    "mixtral": _Family(sliding=_all_layers, expert_ffn="intermediate_size"),
    "qwen2": _Family(sliding=_from_max_window_layers),
    "qwen2_moe": _Family(sliding=_from_max_window_layers),
    "qwen3": _Family(sliding=_from_max_window_layers),
    "qwen3_moe": _Family(sliding=_from_max_window_layers),
    "gemma2": _Family(tied=True, sliding=_every_other_layer),
    "gemma3": _GEMMA3,
    "gemma3_text": _GEMMA3,
    "phi3": _Family(sliding=_all_layers),
    "gpt_oss": _Family(sliding=_every_other_layer, expert_ffn="intermediate_size"),
    "deepseek_v2": _Family(),
    "deepseek_v3": _Family(),
    "glm4_moe": _Family(),
}
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")
_EXPERTS_PER_TOKEN = ("num_experts_per_tok", "experts_per_token")
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
        return _unreadable(f"{shown} describes an encoder-decoder; dcplan knows decoders only.", at)
    nested = config.get("text_config")
    text = {**config, **nested} if isinstance(nested, dict) else config
    model_type = text.get("model_type")
    family = _FAMILIES.get(model_type) if isinstance(model_type, str) else None
    keys = _Keys({**(family.defaults if family else {}), **_given(text)})
    said: tuple[Diagnostic, ...] = ()
    if family is None:
        family = _Family()
        said = (_assumed(shown, at),)
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


def _values(keys: _Keys, family: _Family) -> dict[str, Any]:
    """The fields of Architecture; ``keys`` remembers what was missing."""
    config = keys.config
    layers = keys.whole("num_hidden_layers")
    max_context = keys.maybe("max_position_embeddings") or 131_072
    window = keys.maybe("sliding_window")
    sliding = _sliding_layers(config, family, layers) if window and window < max_context else 0
    moe = _moe(keys, family, layers)
    # A family whose layers are all sparse has no dense layer to measure.
    ffn_names = ("intermediate_size",) if moe is None else ("intermediate_size", family.expert_ffn)
    return {
        "layers": layers,
        "hidden": keys.whole("hidden_size"),
        "heads": keys.whole("num_attention_heads"),
        "kv_heads": keys.maybe("num_key_value_heads"),
        "head_dim": keys.maybe("head_dim"),
        "ffn": keys.whole(*ffn_names),
        "gated_ffn": True,
        "vocab": keys.whole("vocab_size"),
        "tied_embeddings": bool(config.get("tie_word_embeddings", family.tied)),
        "max_context": max_context,
        "sliding_window": window if sliding else None,
        "sliding_layers": sliding,
        "moe": moe,
        "mla": _mla(keys),
    }


def _sliding_layers(config: Config, family: _Family, layers: int) -> int:
    """How many layers see only a window; ``layer_types`` says so best."""
    types = config.get("layer_types")
    if isinstance(types, list):
        return min(types.count("sliding_attention"), layers)
    return family.sliding(config, layers)


def _moe(keys: _Keys, family: _Family, layers: int) -> dict[str, int] | None:
    """The experts, if there are any."""
    experts = keys.maybe(*_EXPERTS)
    if experts is None or experts <= 1:
        return None
    expert_ffn = keys.whole(family.expert_ffn, "intermediate_size")
    shared_ffn = keys.maybe("shared_expert_intermediate_size") or 0
    shared = keys.maybe("n_shared_experts") or (-(-shared_ffn // expert_ffn) if expert_ffn > 0 else 0)
    return {
        "experts": experts,
        "experts_per_token": keys.whole(*_EXPERTS_PER_TOKEN),
        "shared_experts": shared,
        "expert_ffn": expert_ffn,
        "dense_layers": _dense_layers(keys, layers),
    }


def _dense_layers(keys: _Keys, layers: int) -> int:
    """Layers without experts: the first few (DeepSeek, GLM), or by a list and a step (Qwen)."""
    first = keys.maybe("first_k_dense_replace") or 0
    only = keys.config.get("mlp_only_layers")
    dense = set(only) if isinstance(only, list) and all(isinstance(i, int) for i in only) else set()
    step = max(keys.maybe("decoder_sparse_step") or 1, 1)
    return sum(1 for i in range(min(layers, 10_000)) if i < first or i in dense or (i + 1) % step)


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


def _assumed(shown: str, at: ConfigPath) -> Diagnostic:
    detail = f"{shown} names a model_type that dcplan does not know. It was read as if it were Llama's."
    return warning("huggingface-assumed", "A model's family is not known", detail, path=at)


def _unfit(shown: str, detail: str, at: ConfigPath) -> Diagnostic:
    summary = "A config.json does not describe a model"
    return error("huggingface-unfit", summary, f"{shown}: {detail}", path=at)


def _unreadable(detail: str, at: ConfigPath) -> Result[Architecture]:
    return Result(None, (error("huggingface-file", "A config.json cannot be used", detail, path=at),))
