"""Number formats: in how many bits a model's weights, caches and products are kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from dcplan.catalog.load import read_data

if TYPE_CHECKING:
    from collections.abc import Mapping

SIXTEEN_BITS = 2.0
"""Bytes of activations, embeddings and the head, whatever the weights have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """How one kind of number is kept and multiplied."""

    name: str
    bytes: float
    """Of one number, its scales included."""
    peak: str
    """The precision whose dense peak its products run at: weight-only formats are unpacked to bf16."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """How the parts of a model are kept; each part names a ``Precision``."""

    name: str
    mlp: Precision
    """Dense MLPs and shared experts."""
    experts: Precision
    """Routed experts."""
    projections: Precision
    """Queries, keys, values and output of attention; projections of linear mixers."""
    kv: Precision
    """Keys and values that wait in the cache."""


@cache
def precisions() -> Mapping[str, Precision]:
    """All precisions by name."""
    raw = read_data("formats.yaml")
    return {
        name: Precision(name=name, bytes=float(fact["bytes"]), peak=fact.get("peak", name))
        for name, fact in raw["precisions"].items()
    }


@cache
def formats() -> Mapping[str, Format]:
    """All formats by name; each precision of weights stands for the format that keeps caches in 16 bits."""
    known = precisions()
    out = {
        name: Format(name=name, mlp=one, experts=one, projections=one, kv=known["bf16"])
        for name, one in known.items()
    }
    for name, parts in read_data("formats.yaml")["formats"].items():
        base = out[parts.get("weights", "bf16")]
        out[name] = Format(
            name=name,
            mlp=known[parts.get("mlp", base.mlp.name)],
            experts=known[parts.get("experts", base.experts.name)],
            projections=known[parts.get("projections", base.projections.name)],
            kv=known[parts.get("kv", base.kv.name)],
        )
    return out
