"""Quality: how much of a model's score is kept in fewer bits, as others measured it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from dcplan.catalog.load import read_data
from dcplan.catalog.types import Source

if TYPE_CHECKING:
    from collections.abc import Mapping

BILLION = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What is kept of the score of models of some size when one thing about them is compressed."""

    kept: float
    """Share of the original's score, 1 at most; the lowest of the suites that the source reports."""
    measured: str
    """The model that it was measured on."""
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One row of the table."""

    what: tuple[str, str]
    """(weights, fp8), (cache, fp8) or (pattern, 2:4)."""
    above: float
    up_to: float
    """Parameters that the row is taken for."""
    loss: Loss


@cache
def _table() -> tuple[tuple[_Row, ...], Mapping[tuple[str, str], Source]]:
    """The rows, and the models that were released in a format."""
    raw = read_data("quality.yaml")
    sources = {key: Source(name=fact["name"], date=str(fact["date"])) for key, fact in raw["sources"].items()}
    rows = tuple(_row(fact, sources) for fact in raw["rows"])
    native = {
        (model, fact["weights"]): sources[fact["from"]] for fact in raw["native"] for model in fact["models"]
    }
    return rows, native


def _row(fact: Mapping[str, Any], sources: Mapping[str, Source]) -> _Row:
    """One entry of ``rows``; what cannot be true is our own bug and raises."""
    (what,) = [(key, str(fact[key])) for key in ("weights", "cache", "pattern") if key in fact]
    kept = float(fact["kept"])
    if not 0 < kept <= 1:
        msg = f"quality.yaml keeps {kept} of {what}, which is no share. This is a bug in dcplan."
        raise ValueError(msg)
    return _Row(
        what=what,
        above=float(fact.get("above", 0)) * BILLION,
        up_to=float(fact.get("up_to", math.inf)) * BILLION,
        loss=Loss(kept=kept, measured=str(fact["measured"]), source=sources[fact["from"]]),
    )


def released_in(model: str, weights: str) -> Source | None:
    """Where it says that a model of the catalogue was released with such weights; None when it was not."""
    return _table()[1].get((model, weights))


def loss_of(kind: str, name: str, parameters: float) -> Loss | None:
    """What models of this size keep with such ``weights``, ``cache`` or ``pattern``; None is unknown."""
    for row in _table()[0]:
        if row.what == (kind, name) and row.above < parameters <= row.up_to:
            return row.loss
    return None
