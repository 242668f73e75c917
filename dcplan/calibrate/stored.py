"""Read a profile, written by ``dcplan calibrate`` or by hand: every mistake is pointed at."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field
from pydantic.dataclasses import dataclass

from dcplan.basis import Basis
from dcplan.catalog import AcceleratorKind, Source, load_accelerators
from dcplan.catalog.efficiency import ANY, UNITS, Efficiencies, Figure, Place, Profile, span_of
from dcplan.config import load_typed
from dcplan.config.files import shown
from dcplan.config.reader import read_file
from dcplan.diag import ConfigPath, Diagnostic, Result, did_you_mean, error, listed

STRICT: Any = {"extra": "forbid"}
"""An unknown key is a misspelt one."""

UNUSABLE = "The profile cannot be used"


@dataclass(frozen=True, kw_only=True)
class FactEntry:
    """An entry of ``sources``."""

    __pydantic_config__: ClassVar[Any] = STRICT

    name: str
    date: str


@dataclass(frozen=True, kw_only=True)
class FigureEntry:
    """An entry of ``rows``: one figure of some hardware, under one software or all."""

    __pydantic_config__: ClassVar[Any] = STRICT

    of: str
    figure: str
    value: float
    basis: Basis
    source: Annotated[str, Field(alias="from")]
    software: Annotated[str, Field(alias="with")] = ANY


@dataclass(frozen=True, kw_only=True)
class ProfileEntry:
    """An entry of ``profiles``: how well one thing is predicted."""

    __pydantic_config__: ClassVar[Any] = STRICT

    accelerator: str
    software: str
    metric: str
    date: str
    rows: int
    groups: int
    median: float
    p90: float
    bias: float
    slow80: float
    source: Annotated[str, Field(alias="from")]
    precision: str = ANY
    range: dict[str, tuple[float, float]] = Field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ProfileDocument:
    """Everything that may stand in a profile."""

    __pydantic_config__: ClassVar[Any] = STRICT

    sources: dict[str, FactEntry] = Field(default_factory=dict)
    rows: tuple[FigureEntry, ...] = ()
    profiles: tuple[ProfileEntry, ...] = ()


def read_profile(path: Path, known: Efficiencies) -> Result[Efficiencies]:
    """The profile at ``path``; ``known`` is the table whose figures it may say anew."""
    read = load_typed(path, ProfileDocument)
    if read.value is None:
        return Result(None, read.diagnostics)
    document = read.value
    found = [*_wrong_figures(document, known), *_wrong_errors(document), *_wrong_names(document)]
    if found:
        placed = read_file(path, shown(path)).unwrap().source.place(found)
        return Result(None, (*read.diagnostics, *placed))
    sources = {key: Source(name=fact.name, date=fact.date) for key, fact in document.sources.items()}
    rows: dict[Place, dict[str, Figure]] = {}
    for one in document.rows:
        figure = Figure(value=one.value, basis=one.basis, source=sources[one.source])
        rows.setdefault((one.of, one.software), {})[one.figure] = figure
    profiles = tuple(_profile(one, sources[one.source]) for one in document.profiles)
    return Result(Efficiencies(rows=rows, profiles=profiles), read.diagnostics)


def _profile(one: ProfileEntry, source: Source) -> Profile:
    return Profile(
        accelerator=one.accelerator,
        software=one.software,
        precision=one.precision,
        metric=one.metric,
        date=one.date,
        rows=one.rows,
        groups=one.groups,
        median=one.median,
        p90=one.p90,
        bias=one.bias,
        slow80=one.slow80,
        range=one.range,
        source=source,
    )


def _wrong_figures(document: ProfileDocument, known: Efficiencies) -> Iterator[Diagnostic]:
    """Figures that do not exist, cannot be true, or are there twice."""
    names = {name for own in known.rows.values() for name in own}
    stems = {name.partition("/")[0] for name in names}
    seen: set[tuple[str, str, str]] = set()
    for index, one in enumerate(document.rows):
        stem = one.figure.partition("/")[0]
        if stem not in stems:
            hint = did_you_mean(one.figure, names) or f"There are {listed(sorted(stems))}."
            yield _bad(("rows", index, "figure"), f'There is no figure "{one.figure}". {hint}')
        else:
            yield from _wrong_value(one, ("rows", index, "value"))
        if (one.of, one.software, one.figure) in seen:
            told = f"{one.figure} of {one.of} with {one.software} is there twice. Keep the one that holds."
            yield _bad(("rows", index), told)
        seen.add((one.of, one.software, one.figure))


def _wrong_value(one: FigureEntry, path: ConfigPath) -> Iterator[Diagnostic]:
    """A figure that nothing there is reaches, or beyond all that there is."""
    least, most = span_of(one.figure)
    if least <= one.value <= most:
        return
    if one.figure.partition("/")[0].endswith(UNITS):
        what = f"from {least:g} to {most:g}, in the unit that its name ends in"
    else:
        what = f"a share of a peak, at least {least:g} and at most {most:g}"
    yield _bad(
        path,
        f"{one.figure} is {one.value:g} and must be {what}. Look for a slip in the exponent or the unit.",
    )


MOST_ERROR = 1e6
"""Errors beyond so many times the measured time are slips of the pen."""

SLOW80 = (1e-3, 1e3)
"""Between what measured over predicted may lie: plans multiply what they promise with it."""


def _wrong_errors(document: ProfileDocument) -> Iterator[Diagnostic]:
    """Judgements that cannot be: errors below 0, no rows, ranges upside down."""
    for index, one in enumerate(document.profiles):
        spans: dict[str, tuple[float, float, float]] = {
            "rows": (one.rows, 1, math.inf),
            "groups": (one.groups, 1, math.inf),
            "median": (one.median, 0, MOST_ERROR),
            "p90": (one.p90, 0, MOST_ERROR),
            "bias": (one.bias, -1, MOST_ERROR),
            "slow80": (one.slow80, *SLOW80),
        }
        for name, (value, least, most) in spans.items():
            if not least <= value <= most:
                above = f"at least {least:g}" if math.isinf(most) else f"from {least:g} to {most:g}"
                yield _bad(("profiles", index, name), f"{name} is {value:g} and must be {above}.")
        for name, (low, high) in one.range.items():
            if not low <= high:
                told = f"The range of {name} goes from {low:g} to {high:g}. The smaller number comes first."
                yield _bad(("profiles", index, "range", name), told)


def _wrong_names(document: ProfileDocument) -> Iterator[Diagnostic]:
    """Hardware that the catalogue has not, and sources that the profile does not tell of."""
    hardware = (ANY, *AcceleratorKind, *load_accelerators())
    places = [(("rows", index, "of"), one.of, one.source) for index, one in enumerate(document.rows)]
    places += [
        (("profiles", index, "accelerator"), one.accelerator, one.source)
        for index, one in enumerate(document.profiles)
    ]
    for path, name, source in places:
        if name not in hardware:
            hint = did_you_mean(name, hardware) or "docs/document.md lists them."
            yield _bad(path, f'The catalogue has no accelerator "{name}". {hint}')
        if source not in document.sources:
            hint = did_you_mean(source, document.sources) or "Each figure says where it comes from."
            yield _bad((*path[:2], "from"), f'There is no "{source}" among the sources. {hint}')


def _bad(path: ConfigPath, detail: str) -> Diagnostic:
    return error("bad-profile", UNUSABLE, detail, path=path)
