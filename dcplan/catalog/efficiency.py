"""Measured efficiency: how much of a datasheet's peak is reached in practice, by hardware and software."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import yaml

from dcplan.basis import Basis
from dcplan.catalog.types import Accelerator, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ANY = "any"
"""The last fall-back of every figure."""

SPANS = {
    "_s": (1e-12, 1e3),
    "_bytes": (1.0, 1e13),
    "_rows": (1.0, 1e6),
    "_columns": (1.0, 1e6),
    "_tokens": (1.0, 1e8),
    "_factor": (1e-3, 1e3),
    "_ranks": (1.0, 1e6),
    "_axes": (1.0, 16.0),
    "_copies": (1e-2, 1e4),
}
"""Between what a figure with this ending may lie: no hardware or software is a thousand times off what others
do, and what lies outside is a slip in a unit or an exponent."""

UNITS = tuple(SPANS)
"""Endings of figures that are no shares of a peak."""

SHARE = (1e-6, 1.0)
"""The same for shares of a peak."""

Place = tuple[str, str]
"""What a figure is of: an accelerator, a family or ``any``, and a software or ``any``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One efficiency figure: a share of the peak, or a quantity in the unit that its name carries."""

    value: float
    basis: Basis
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How well predictions of one kind were seen to hold where they were not fitted."""

    accelerator: str
    software: str
    """Training framework or serving engine: megatron, vllm..."""
    precision: str
    metric: str
    """step, tpot or ttft."""
    date: str
    rows: int
    groups: int
    """Models times accelerators among the rows."""
    median: float
    """Half of the predictions were nearer than this share of the measured time."""
    p90: float
    bias: float
    """Median of predicted over measured, less 1."""
    slow80: float
    """Measured over predicted that eight in ten runs stay below."""
    range: Mapping[str, tuple[float, float]]
    """Smallest and largest value of what the rows covered: devices, tensor, tokens..."""
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiency:
    """The figures of one accelerator under one software, defaults already filled in."""

    accelerator: str
    software: str
    figures: Mapping[str, Figure]

    def get(self, figure: str) -> Figure | None:
        """The figure of this name, None when neither the accelerator nor its family has it."""
        return self.figures.get(figure)

    def narrow(self, figure: str, precision: str) -> Figure:
        """The figure of this name for a precision (``sustained/fp8``), else the one for all of them."""
        return self.figures.get(f"{figure}/{precision}") or self[figure]

    def __getitem__(self, figure: str) -> Figure:
        """The figure of this name; a missing one is our own bug, for the table has defaults for all."""
        if figure not in self.figures:
            msg = f'no efficiency figure "{figure}" for {self.accelerator}. This is a bug in dcplan.'
            raise KeyError(msg)
        return self.figures[figure]


@dataclass(frozen=True, slots=True, kw_only=True)
class Efficiencies:
    """The whole table: figures by what they are of, and how well they were seen to predict."""

    rows: Mapping[Place, Mapping[str, Figure]]
    profiles: tuple[Profile, ...] = ()

    def of(self, accelerator: Accelerator, software: str = ANY) -> Efficiency:
        """Figures of everything, then of its family, then its own; each with the software's over them.

        A default stands with the basis of its row, which is ``assumed`` wherever
        it is not known to hold for the accelerator at hand.  ``megatron@26.02`` is one
        release of a software: its figures go over those of ``megatron``, which are
        the latest release's.
        """
        plain, _, release = software.partition("@")
        merged: dict[str, Figure] = {}
        for name in (ANY, str(accelerator.kind), accelerator.chip):
            merged.update(self.rows.get((name, ANY), {}))
            merged.update(self.rows.get((name, plain), {}))
            if release:
                merged.update(self.rows.get((name, software), {}))
        return Efficiency(accelerator=accelerator.name, software=software, figures=merged)

    def with_figures(self, rows: Mapping[Place, Mapping[str, Figure]]) -> Efficiencies:
        """The same table with these figures over its own."""
        places = {*self.rows, *rows}
        merged = {place: {**self.rows.get(place, {}), **rows.get(place, {})} for place in places}
        return Efficiencies(rows=merged, profiles=self.profiles)

    def profile(self, accelerator: str, software: str, precision: str, metric: str) -> Profile | None:
        """How well this metric is predicted there: the profile that fits best, None when none fits at all.

        Without one for the very accelerator and precision, one of the software over all accelerators
        (``any``) stands in; for a part of a GPU, that of the GPU does.
        """
        chip = accelerator.partition("/")[0]
        wanted = [(chip, precision), (chip, ANY), (ANY, ANY)]
        for name, bits in wanted:
            for one in self.profiles:
                if (one.accelerator, one.software, one.precision, one.metric) == (
                    name,
                    software,
                    bits,
                    metric,
                ):
                    return one
        return None


def span_of(figure: str) -> tuple[float, float]:
    """The least and the most that a figure of this name (``gemm/fp8``, ``step_s``) may be."""
    stem = figure.partition("/")[0]
    return next((span for ending, span in SPANS.items() if stem.endswith(ending)), SHARE)


@cache
def load_efficiencies() -> Efficiencies:
    """The tables that ship with dcplan, read once: efficiency of hardware, and profiles of software on it."""
    root = files("dcplan.catalog").joinpath("data")
    folder = root.joinpath("profiles")
    texts = [root.joinpath("efficiency.yaml").read_text(encoding="utf-8")]
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    texts += [folder.joinpath(name).read_text(encoding="utf-8") for name in names]
    return parse_efficiencies(*texts)


def parse_efficiencies(*texts: str) -> Efficiencies:
    """Read tables from YAML texts; what a later one says of the same thing goes over an earlier one.

    The files are our own, so that a fault in them is our own bug and raises.
    """
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    table = Efficiencies(rows={})
    for text in texts:
        raw: dict[str, Any] = yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
        sources = {key: Source(name=fact["name"], date=fact["date"]) for key, fact in raw["sources"].items()}
        figures = _figures(raw.get("rows") or (), sources)
        profiles = tuple(_profile(fact, sources) for fact in raw.get("profiles") or ())
        merged = table.with_figures(figures)
        table = Efficiencies(rows=merged.rows, profiles=(*profiles, *table.profiles))
    return table


def _figures(
    raw: Iterable[Mapping[str, Any]], sources: Mapping[str, Source]
) -> dict[Place, dict[str, Figure]]:
    """The rows of one file by what they are of; what cannot be true is refused."""
    rows: dict[Place, dict[str, Figure]] = {}
    for row in raw:
        place, name, value = (row["of"], row.get("with", ANY)), row["figure"], float(row["value"])
        own = rows.setdefault(place, {})
        if name in own:
            msg = f"an efficiency table has {place} {name} twice. This is a bug in dcplan."
            raise ValueError(msg)
        least, most = span_of(name)
        if not least <= value <= most:
            msg = (
                f"an efficiency table has {place} {name} = {value}, not {least:g} to {most:g}. This is a bug "
                "in dcplan."
            )
            raise ValueError(msg)
        own[name] = Figure(value=value, basis=Basis(row["basis"]), source=sources[row["from"]])
    return rows


def _profile(raw: Mapping[str, Any], sources: Mapping[str, Source]) -> Profile:
    """One entry of ``profiles``."""
    return Profile(
        accelerator=raw["accelerator"],
        software=raw["software"],
        precision=raw.get("precision", ANY),
        metric=raw["metric"],
        date=raw["date"],
        rows=int(raw["rows"]),
        groups=int(raw["groups"]),
        median=float(raw["median"]),
        p90=float(raw["p90"]),
        bias=float(raw["bias"]),
        slow80=float(raw["slow80"]),
        range={key: (float(low), float(high)) for key, (low, high) in (raw.get("range") or {}).items()},
        source=sources[raw["from"]],
    )
