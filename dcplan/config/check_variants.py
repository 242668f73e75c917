"""Rules between the keys that say how a model may be made smaller and faster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.config.document import Document, ServeWorkload
from dcplan.diag import Diagnostic, error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.config.check import Names


def _served(document: Document) -> Iterator[tuple[str, ServeWorkload]]:
    """The serving workloads by name."""
    for name, workload in document.workloads.items():
        if isinstance(workload, ServeWorkload):
            yield name, workload


def variants_have_a_floor(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """Variants answer to a quality floor: without one nothing says which of them would do."""
    for name, workload in _served(document):
        if workload.variants and workload.quality is None:
            yield error(
                "variants-without-floor",
                "Variants need a quality floor",
                f'"{name}" has variants, and nothing says how much quality may be lost to them. '
                "Add a floor, for example quality: {floor: 99%}, or take the variants out.",
                path=("workloads", name, "variants"),
                on_key=True,
            )


def variants_differ(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """A variant is something else than the workload's model, and its quality can be known."""
    for name, workload in _served(document):
        for key, variant in workload.variants.items():
            other = variant.model not in {None, workload.model}
            path = ("workloads", name, "variants", key)
            if not other and variant.pruned is None and variant.format is None:
                yield error(
                    "variant-like-original",
                    "A variant is like the original",
                    f'"{key}" has neither another model nor a format, and nothing is pruned. '
                    "Say at least one of model, pruned and format.",
                    path=path,
                    on_key=True,
                )
            elif other and variant.quality is None:
                yield error(
                    "variant-without-quality",
                    "Nobody can know the quality of a variant",
                    f'"{key}" is the model {variant.model}. Only you can know how much of the score of '
                    f"{workload.model} it keeps: measure it and say so, for example quality: 97%.",
                    path=path,
                    on_key=True,
                )
            elif variant.pruned is not None and variant.pruned.ratio is not None and variant.quality is None:
                yield error(
                    "variant-without-quality",
                    "Nobody can know the quality of a variant",
                    f'"{key}" has a part cut off. What is left of the quality depends on how it was trained '
                    "afterwards: measure it and say so, for example quality: 97%.",
                    path=path,
                    on_key=True,
                )


def pruned_in_one_way(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """Pruning is a pattern or a ratio."""
    for name, workload in _served(document):
        for key, variant in workload.variants.items():
            pruned = variant.pruned
            if pruned is None or (pruned.pattern is None) != (pruned.ratio is None):
                continue
            has = "neither a pattern nor a ratio" if pruned.pattern is None else "both a pattern and a ratio"
            yield error(
                "pruned-how",
                "Pruning is a pattern or a ratio",
                f'"{key}" has {has}. Keep one, for example pattern: "2:4" or ratio: 25%.',
                path=("workloads", name, "variants", key, "pruned"),
                on_key=True,
            )


def draft_is_another_model(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """A model that drafts for itself gains nothing."""
    for name, workload in _served(document):
        if workload.speculative is not None and workload.speculative.draft == workload.model:
            yield error(
                "draft-for-itself",
                "A model drafts for itself",
                f"{workload.model} is as slow at drafting as without it. Name a smaller model as the draft.",
                path=("workloads", name, "speculative", "draft"),
            )
