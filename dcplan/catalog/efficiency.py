"""Measured efficiency: how much of a datasheet's peak is reached in practice."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from dcplan.basis import Basis
from dcplan.catalog.types import Accelerator, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

ANY = "any"
"""The last fall-back of every figure."""

UNITS = ("_s", "_bytes", "_columns")
"""Endings of figures that are no shares of a peak."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One efficiency figure: a share of the peak, or a quantity in the unit that its name carries."""

    value: float
    basis: Basis
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiency:
    """The figures of one accelerator, family defaults already filled in."""

    accelerator: str
    figures: Mapping[str, Figure]

    def get(self, figure: str) -> Figure | None:
        """The figure of this name, None when neither the accelerator nor its family has it."""
        return self.figures.get(figure)

    def __getitem__(self, figure: str) -> Figure:
        """The figure of this name; a missing one is our own bug, for the table has defaults for all."""
        if figure not in self.figures:
            msg = f'no efficiency figure "{figure}" for {self.accelerator}. This is a bug in dcplan.'
            raise KeyError(msg)
        return self.figures[figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiencies:
    """The whole table: figures by the name of an accelerator, of a family, or ``any``."""

    rows: Mapping[str, Mapping[str, Figure]]

    def of(self, accelerator: Accelerator) -> Efficiency:
        """Its own figures first, then those of its family, then those of everything.

        A default stands with the basis of its row, which is ``assumed`` wherever
        it is not known to hold for the accelerator at hand.
        """
        merged: dict[str, Figure] = {}
        for name in (ANY, str(accelerator.kind), accelerator.name):
            merged.update(self.rows.get(name, {}))
        return Efficiency(accelerator=accelerator.name, figures=merged)


def load_efficiencies() -> Efficiencies:
    """Read the table that ships with dcplan."""
    text = files("dcplan.catalog").joinpath("data/efficiency.yaml").read_text(encoding="utf-8")
    return parse_efficiencies(text)


def parse_efficiencies(text: str) -> Efficiencies:
    """Read a table from YAML text.  The file is our own, so that a fault in it is our own bug and raises."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    raw: dict[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
    sources = {key: Source(name=fact["name"], date=fact["date"]) for key, fact in raw["sources"].items()}
    rows: dict[str, dict[str, Figure]] = {}
    for row in raw["rows"]:
        _add(rows, row, sources)
    return Efficiencies(rows=rows)


def _add(rows: dict[str, dict[str, Figure]], row: dict[str, Any], sources: Mapping[str, Source]) -> None:
    """Put one row of the file where it belongs, and refuse what cannot be true."""
    of, name, value = row["of"], row["figure"], float(row["value"])
    own = rows.setdefault(of, {})
    if name in own:
        msg = f"efficiency.yaml has {of} {name} twice. This is a bug in dcplan."
        raise ValueError(msg)
    if not 0 < value <= (float("inf") if name.endswith(UNITS) else 1):
        msg = f"efficiency.yaml has {of} {name} = {value}, no share of a peak. This is a bug in dcplan."
        raise ValueError(msg)
    own[name] = Figure(value=value, basis=Basis(row["basis"]), source=sources[row["from"]])
