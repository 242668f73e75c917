"""Ways to keep a model: which variant in which number format, and how much of the quality each keeps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING

from dcplan.catalog.formats import DEFAULT_PRECISIONS, engine_runs, formats, pattern_runs, sparse
from dcplan.catalog.quality import loss_of, released_in
from dcplan.diag import Diagnostic, Related, Result, did_you_mean, error, listed
from dcplan.perf.device import peak_flops
from dcplan.perf.parameters import parameters_of
from dcplan.sharding.names import PRECISIONS, words_for
from dcplan.sharding.types import Quality, QualityBasis, RuledOut

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dcplan.catalog.formats import Format
    from dcplan.catalog.types import Accelerator, Model
    from dcplan.demand.types import Allowed, Floor, Pruned, ServeDemand, Variant

SIXTEEN = ("bf16", "fp16")
"""Formats in which models are released and nothing is lost."""

WHOLE = Quality(kept=1.0, basis=QualityBasis.ORIGINAL, source="the model as it is, in 16 bits")

MULTIPLE = 64
"""Widths are cut to a multiple of this, which matrix units want."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to keep a model."""

    name: str
    """``fp8``, or ``distilled/fp8`` for a variant."""
    variant: str
    """Empty for the workload's model itself."""
    model: Model
    named: str
    """The model, by the name that the document uses."""
    form: Format
    quality: Quality | None
    """What is kept of the score of the workload's model; None is unknown."""
    pattern: str = ""
    """Of zeros among the weights; empty for none."""
    draft: Model | None = None
    """The model that drafts tokens for it; None for no speculation."""

    @property
    def kept(self) -> float:
        """The share of quality that is known to be kept; 0 where nobody knows."""
        return 0.0 if self.quality is None else self.quality.kept

    def runs_on(self, engine: str, accelerator: Accelerator) -> bool:
        """Whether the engine runs it there: the weights' format, the cache's, the pattern of zeros.

        Caches in fewer bits are converted at every step, for which a chip must
        have the format.
        """
        kept = self.form.kv.name in SIXTEEN or peak_flops(accelerator, self.form.kv.name) is not None
        zeros = not self.pattern or pattern_runs(self.pattern, engine, accelerator.vendor)
        return kept and zeros and engine_runs(engine, accelerator.vendor, self.form)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """The ways that may be searched, and what else there would be."""

    allowed: tuple[Way, ...]
    others: tuple[Way, ...]
    """What the user's lines leave out: only to explain, when nothing of what is allowed does."""
    ruled_out: tuple[RuledOut, ...] = ()
    """Those of the others that only the quality floor leaves out, best known first."""


def ways_of(demand: ServeDemand, model: Model, models: Mapping[str, Model]) -> Result[Ways]:
    """What may be searched for a workload.

    Without a quality floor: its model in the precisions that are listed, bf16
    when none are.  With one: its model and its variants in every format (of
    those listed, if any are) that is known to keep at least so much.
    ``models`` holds the models of variants by name.  Errors:
    ``unknown-precision``, ``floor-unreachable``.
    """
    limit = demand.limits.precisions
    unknown = unknown_precisions(limit)
    if unknown:
        return Result(None, unknown)
    if demand.floor is None:
        names = tuple(dict.fromkeys(DEFAULT_PRECISIONS if limit is None else limit.names))
        more = tuple(name for name in PRECISIONS if name not in names)
        allowed, others = (
            tuple(_drafted(_original(demand, model, name), demand, models) for name in some)
            for some in (names, more)
        )
        return Result(Ways(allowed=allowed, others=others))
    every = tuple(_drafted(way, demand, models) for way in all_ways(demand, model, models))
    inside = [way for way in every if limit is None or way.form.name in limit.names]
    allowed = tuple(way for way in inside if way.kept >= demand.floor.kept)
    if not allowed:
        return Result(None, (_unreachable(demand, demand.floor, inside),))
    out = sorted((way for way in inside if way not in allowed), key=lambda way: -way.kept)
    return Result(
        Ways(
            allowed=allowed,
            others=tuple(way for way in every if way not in allowed),
            ruled_out=tuple(RuledOut(way=way.name, quality=way.quality) for way in out),
        )
    )


def all_ways(demand: ServeDemand, model: Model, models: Mapping[str, Model]) -> Iterator[Way]:
    """The workload's model and its variants in every format, whatever it may cost in quality."""
    limit = demand.limits.precisions
    named = () if limit is None else limit.names
    # fp16 is bf16 under another name, and without experts theirs is no format; who wants them can list them.
    plain = [name for name in formats() if name != "fp16" and (model.experts or "experts" not in name)]
    names = [*plain, *(name for name in named if name not in plain)]
    for name in names:
        yield _original(demand, model, name)
    for variant in demand.variants:
        base = models[variant.model] if variant.model != demand.model else model
        for name in names if variant.format is None else [variant.format]:
            yield _variant(variant, base, name)


def _original(demand: ServeDemand, model: Model, name: str) -> Way:
    """The workload's model in a format."""
    form = formats()[name]
    quality = _together(list(_of_format(model, form)))
    return Way(name=name, variant="", model=model, named=demand.model, form=form, quality=quality)


def _drafted(way: Way, demand: ServeDemand, models: Mapping[str, Model]) -> Way:
    """The way with the workload's draft model, if it has one."""
    return way if demand.speculative is None else replace(way, draft=models[demand.speculative.draft])


def _variant(variant: Variant, base: Model, name: str) -> Way:
    """A variant in a format.

    A declared quality is that of the variant in the format that it names, else
    in 16 bits, so that another format costs its own share on top.
    """
    form = formats()[name]
    factors: list[Quality | None] = []
    kept = variant.kept
    if kept is not None:
        source = f"declared for the variant {variant.name}"
        factors.append(Quality(kept=kept, basis=QualityBasis.DECLARED, source=source))
    elif variant.pruned is not None and variant.pruned.pattern is not None:
        factors.append(_catalogued("pattern", variant.pruned.pattern, base))
    if kept is None or variant.format is None:
        factors += _of_format(base, form)
    pruned = variant.pruned
    pattern = "" if pruned is None or pruned.pattern is None else pruned.pattern
    if pattern:
        form = sparse(form, pattern)
    return Way(
        name=f"{variant.name}/{name}",
        variant=variant.name,
        model=base if pruned is None else smaller(base, pruned),
        named=variant.model,
        form=form,
        quality=_together(factors),
        pattern=pattern,
    )


def smaller(model: Model, pruned: Pruned) -> Model:
    """The model without the share of its width or layers that was cut off.

    Width is the inner width of MLPs and experts, as in Sheared LLaMA (Xia et
    al. 2023, arXiv 2310.06694) and Minitron (Muralidharan et al. 2024, arXiv
    2407.14679); of layers every kind loses the same share.
    """
    left = 1 - pruned.ratio
    if not pruned.ratio:
        return model
    if pruned.of == "width":
        return replace(
            model,
            ffn=_cut(model.ffn, left),
            expert_ffn=_cut(model.expert_ffn, left),
            shared_ffn=_cut(model.shared_ffn, left),
        )
    counts = ("layers", "attention_layers", "mlp_layers", "linear_layers", "sliding_layers", "dense_layers")
    cut = {name: _some(getattr(model, name), left) for name in counts}
    return replace(model, **cut)  # type: ignore[arg-type]  # all of them are counts


def _cut(width: int, left: float) -> int:
    """So much of a width, in whole multiples, at least one; 0 stays 0."""
    return max(MULTIPLE, round(width * left / MULTIPLE) * MULTIPLE) if width else 0


def _some(count: int, left: float) -> int:
    """So much of a count of layers, at least one; 0 stays 0."""
    return max(1, round(count * left)) if count else 0


def _of_format(model: Model, form: Format) -> Iterator[Quality | None]:
    """What the weights and the cache of a format keep; None for each that nobody knows."""
    released = released_in(model.name, form.weights)
    if released is not None:
        said = f"{model.name} was released in {form.weights}: {released.name}, {released.date}"
        yield Quality(kept=1.0, basis=QualityBasis.ORIGINAL, source=said)
    elif form.weights not in SIXTEEN:
        yield _catalogued("weights", form.weights, model)
    if form.kv.name not in SIXTEEN:
        yield _catalogued("cache", form.kv.name, model)


def _catalogued(kind: str, name: str, model: Model) -> Quality | None:
    """What the catalogue knows of compressing models of this size so; of encoders nothing was measured."""
    if not model.causal:
        return None
    loss = loss_of(kind, name, float(parameters_of(model).total))
    if loss is None:
        return None
    source = f"{name} on {loss.measured}: {loss.source.name}, {loss.source.date}"
    return Quality(kept=loss.kept, basis=QualityBasis.CATALOGUED, source=source)


def _together(factors: list[Quality | None]) -> Quality | None:
    """All losses one after the other; unknown as soon as one of them is."""
    known = [one for one in factors if one is not None]
    if len(known) < len(factors):
        return None
    if not known:
        return WHOLE
    if len(known) == 1:
        return known[0]
    source = "; ".join(one.source for one in known)
    return Quality(kept=prod(one.kept for one in known), basis=QualityBasis.COMBINED, source=source)


def unknown_precisions(limit: Allowed | None) -> tuple[Diagnostic, ...]:
    """An error for each precision that the user lists and dcplan does not know."""
    known = sorted(formats())
    return tuple(
        error(
            "unknown-precision",
            "Unknown precision",
            f'dcplan does not know the precision "{name}". {did_you_mean(name, known)} '
            f"Known are {listed(known)}.".replace("  ", " "),
            path=None if limit is None else limit.origin,
        )
        for name in (() if limit is None else limit.names)
        if name not in formats()
    )


def _unreachable(demand: ServeDemand, floor: Floor, tried: list[Way]) -> Diagnostic:
    """No way that is allowed is known to keep so much."""
    limit, words = demand.limits.precisions, words_for(demand)
    known = [(way.kept, way.name) for way in tried if way.quality is not None]
    unknown = [way.name for way in tried if way.quality is None]
    best = (
        f"The best that is known is {max(known)[1]}, which keeps {max(known)[0]:.1%}."
        if known
        else "Of nothing that is allowed is it known what it keeps."
    )
    blank = f" Nobody knows what {listed(unknown[:4], last='or')} would keep." if unknown else ""
    return error(
        "floor-unreachable",
        "Nothing that is allowed keeps the quality floor",
        f'"{demand.name}" must keep {100 * floor.kept:g}% of the score of {demand.model}. {best}{blank} '
        f"Lower {words.floor}, or {words.permit.format('bf16')}{words.declare}.",
        path=floor.origin,
        related=() if limit is None else (Related(note="precisions allowed here", path=limit.origin),),
    )
