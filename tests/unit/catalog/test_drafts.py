"""Draft models whose vocabulary is not that of their target."""

from __future__ import annotations

import pytest

from asked import ORIGIN, chat, known
from dcplan.catalog.drafts import strange_drafts
from dcplan.demand.types import Speculative, Variant

NAMES = ("llama-3.1-70b", "llama-3.1-8b", "qwen3-32b", "qwen3-30b-a3b")
MODELS = {name: known(name) for name in NAMES}


def drafted(by: str) -> Speculative:
    """A draft of four tokens."""
    return Speculative(draft=by, tokens=4, acceptance=0.7, origin=(*ORIGIN, "speculative"))


def test_a_draft_of_another_family_is_a_warning_at_its_line() -> None:
    """Tokens are checked by their number, which two vocabularies do not share."""
    demand = chat(model="llama-3.1-70b", speculative=drafted("qwen3-30b-a3b"))
    (told,) = strange_drafts(demand, MODELS)

    assert told.code == "draft-vocabulary"
    assert told.path == (*ORIGIN, "speculative", "draft")
    assert f"llama-3.1-70b {MODELS['llama-3.1-70b'].vocab:,}" in told.detail


@pytest.mark.parametrize("draft", ["llama-3.1-8b", None])
def test_a_draft_of_the_family_is_nothing_to_complain_about(draft: str | None) -> None:
    """Neither is no draft at all."""
    demand = chat(model="llama-3.1-70b", speculative=None if draft is None else drafted(draft))

    assert strange_drafts(demand, MODELS) == ()


def test_variants_are_targets_as_well() -> None:
    """A draft that suits the model and not its stand-in is told with the stand-in only."""
    variant = Variant(
        name="v", model="qwen3-32b", format=None, pruned=None, kept=0.9, origin=(*ORIGIN, "variants", "v")
    )
    demand = chat(model="llama-3.1-70b", speculative=drafted("llama-3.1-8b"), variants=(variant,))
    (told,) = strange_drafts(demand, MODELS)

    assert "qwen3-32b" in told.detail
    assert "llama-3.1-70b" not in told.detail
