"""Draft models that an engine would refuse beside their target, whatever the hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, listed, warning

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.catalog.types import Model
    from dcplan.demand.types import ServeDemand


def strange_drafts(demand: ServeDemand, models: Mapping[str, Model]) -> tuple[Diagnostic, ...]:
    """A warning where the draft model has another vocabulary than a model that it drafts for.

    The target checks tokens by their number, so that both must number them alike; ``models`` holds the
    workload's model, those of its variants and its draft by name.  A warning and no error, for engines
    begin to translate between vocabularies, and checkpoints may be padded.  Source: vLLM,
    ``vllm/config/speculative.py``, where unequal sizes raise unless ``use_heterogeneous_vocab`` is set.
    """
    if demand.speculative is None:
        return ()
    name = demand.speculative.draft
    draft = models.get(name)
    targets = dict.fromkeys((demand.model, *(variant.model for variant in demand.variants)))
    others = [
        f"{target} {models[target].vocab:,}"
        for target in targets
        if draft is not None and target in models and models[target].vocab != draft.vocab
    ]
    if draft is None or not others:
        return ()
    detail = (
        f"{name} drafts from a vocabulary of {draft.vocab:,} tokens, and {listed(others)}. vLLM and engines "
        "like it refuse such a pair, or translate only what both have, which is accepted less often. Name a "
        "draft of the same family, whose tokenizer is the same."
    )
    path = (*demand.speculative.origin, "draft")
    return (warning("draft-vocabulary", "The draft model has another vocabulary", detail, path=path),)
