"""Number formats: in how many bits a model's weights, caches and products are kept, and who runs them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

from dcplan.catalog.load import read_data

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PRECISIONS = ("bf16",)
"""Where the user lists none and sets no quality floor: fewer bits may cost quality, which nobody allowed."""

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
    native: str = ""
    """The precision whose kernels multiply it on some hardware instead; empty for none."""
    native_on: tuple[str, ...] = ()
    """Accelerators with such kernels."""
    block: int = 1
    """Numbers along a side that share a scale and cannot be cut apart."""


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
    weights: str
    """The name of the format with these weights that keeps caches in 16 bits."""

    @property
    def parts(self) -> tuple[Precision, ...]:
        """The precisions of all weights that are multiplied in it, each once."""
        return tuple(dict.fromkeys((self.mlp, self.experts, self.projections)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """A pattern of zeros that hardware and software know how to leave out."""

    kept: float
    """Share of the weights that are kept."""
    index_bits: float
    """That say which were kept, for one weight of the dense matrix."""
    runs: Mapping[str, tuple[str, ...]]
    """Engines that know it, and on the hardware of which vendors."""


@cache
def patterns() -> Mapping[str, Pattern]:
    """All patterns by name."""
    raw = read_data("formats.yaml")["patterns"]
    return {
        name: Pattern(
            kept=float(fact["kept"]),
            index_bits=float(fact["index_bits"]),
            runs={engine: tuple(vendors) for engine, vendors in fact["runs"].items()},
        )
        for name, fact in raw.items()
    }


def sparse(form: Format, pattern: str) -> Format:
    """The format with weights in a pattern of zeros: fewer bytes, products at the dense peak.

    How much faster a sparse product is no source of the catalogue says, so
    that nothing is counted for it.
    """
    what = patterns()[pattern]

    def thinned(one: Precision) -> Precision:
        return replace(one, bytes=one.bytes * what.kept + what.index_bits / 8)

    return replace(
        form, mlp=thinned(form.mlp), experts=thinned(form.experts), projections=thinned(form.projections)
    )


def pattern_runs(pattern: str, engine: str, vendor: str) -> bool:
    """Whether the engine leaves out a pattern of zeros there."""
    return vendor in patterns()[pattern].runs.get(engine, ())


@cache
def engines() -> Mapping[str, Mapping[str, frozenset[str]]]:
    """Which formats of weights each serving engine runs, by the vendor of the hardware."""
    return {
        name: {key: frozenset(value) for key, value in fact.items() if isinstance(value, list)}
        for name, fact in read_data("formats.yaml")["engines"].items()
    }


def engine_runs(engine: str, vendor: str, form: Format) -> bool:
    """Whether the engine runs weights of this format there; an engine that nobody listed runs all."""
    known = engines().get(engine)
    return known is None or form.weights in known.get(vendor, frozenset())


@cache
def handovers() -> Mapping[str, frozenset[str]]:
    """Engines that hand the caches of a prompt to another worker, and on the hardware of which vendors."""
    return {name: frozenset(fact["vendors"]) for name, fact in read_data("formats.yaml")["handover"].items()}


@cache
def trainers() -> Mapping[str, frozenset[str]]:
    """The formats in which models are trained, each with the frameworks that do."""
    return {name: frozenset(fact["frameworks"]) for name, fact in read_data("formats.yaml")["train"].items()}


def trained_in(framework: str) -> tuple[str, ...]:
    """The formats in which a framework trains; one that nobody listed trains in all that any does."""
    some = tuple(name for name, frameworks in trainers().items() if framework in frameworks)
    return some or tuple(trainers())


@cache
def precisions() -> Mapping[str, Precision]:
    """All precisions by name."""
    raw = read_data("formats.yaml")
    return {
        name: Precision(
            name=name,
            bytes=float(fact["bytes"]),
            peak=fact.get("peak", name),
            native=fact.get("native", ""),
            native_on=tuple(fact.get("native_on", ())),
            block=int(fact.get("block", 1)),
        )
        for name, fact in raw["precisions"].items()
    }


@cache
def formats() -> Mapping[str, Format]:
    """All formats by name; each precision of weights stands for the format that keeps caches in 16 bits."""
    known = precisions()
    out = {
        name: Format(name=name, mlp=one, experts=one, projections=one, kv=known["bf16"], weights=name)
        for name, one in known.items()
    }
    for name, parts in read_data("formats.yaml")["formats"].items():
        base = out[parts.get("weights", "bf16")]
        narrow = "kv" in parts
        out[name] = Format(
            name=name,
            mlp=known[parts.get("mlp", base.mlp.name)],
            experts=known[parts.get("experts", base.experts.name)],
            projections=known[parts.get("projections", base.projections.name)],
            kv=known[parts.get("kv", base.kv.name)],
            weights=base.weights if narrow else name,
        )
    return out
