"""Architectures to Models: those of the catalogue and those that users write out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dcplan.catalog.load import DATA, Entry, read_data
from dcplan.catalog.types import FOLLOWS, AttentionKind, Model, Source

if TYPE_CHECKING:
    from collections.abc import Mapping


def catalog_model_names() -> tuple[str, ...]:
    """The names of all models of the catalogue; nothing is parsed."""
    return tuple(sorted(path.stem for path in (DATA / "models").glob("*.yaml")))


def load_catalog_model(name: str) -> Model | None:
    """The catalogue's model ``name``, or None when there is none of this name."""
    if name not in catalog_model_names():
        return None
    file = f"models/{name}.yaml"
    entry = Entry(file, name, read_data(file))
    return model_of(name, entry.fields, entry.source())


def model_of(name: str, architecture: Mapping[str, Any], source: Source) -> Model:
    """The model with this architecture; what is left out gets its default.

    ``architecture`` has the keys of ``dcplan.config.document.Architecture`` and
    adds up: the documents' door and our own tests see to that.
    """
    heads = architecture["heads"]
    kv_heads = architecture.get("kv_heads") or heads
    moe = architecture.get("moe") or {}
    mla = architecture.get("mla") or {}
    sparse = architecture.get("sparse_attention") or {}
    linear = architecture.get("linear") or {}
    return Model(
        name=name,
        layers=architecture["layers"],
        hidden=architecture["hidden"],
        heads=heads,
        kv_heads=kv_heads,
        head_dim=_head_dim(architecture, mla),
        ffn=architecture["ffn"],
        gated_ffn=architecture.get("gated_ffn", True),
        vocab=architecture["vocab"],
        tied_embeddings=architecture.get("tied_embeddings", False),
        max_context=architecture["max_context"],
        attention=_attention(heads, kv_heads, mla),
        attention_layers=_or_follows(architecture.get("attention_layers")),
        mlp_layers=_or_follows(architecture.get("mlp_layers")),
        causal=architecture.get("causal", True),
        sliding_window=architecture.get("sliding_window"),
        sliding_layers=architecture.get("sliding_layers", 0),
        **mla,
        **sparse,
        **linear,
        **moe,
        source=source,
    )


def _or_follows(layers: int | None) -> int:
    """A count of layers as written, or the mark that it follows from the others."""
    return FOLLOWS if layers is None else layers


def _attention(heads: int, kv_heads: int, mla: Mapping[str, int]) -> AttentionKind:
    """How keys and values are shared, as the head counts tell."""
    if mla:
        return AttentionKind.MLA
    return AttentionKind.MHA if kv_heads == heads else AttentionKind.GQA


def _head_dim(architecture: Mapping[str, Any], mla: Mapping[str, int]) -> int:
    """Width of a query head: as written, of both parts in latent attention, or the heads' share of hidden."""
    if architecture.get("head_dim"):
        return int(architecture["head_dim"])
    if mla:
        return mla["qk_nope_dim"] + mla["qk_rope_dim"]
    return int(architecture["hidden"] // architecture["heads"])
