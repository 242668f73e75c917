"""Write a calibration as a profile, and lay a profile over the table that ships with dcplan.

The format is that of the shipped tables (``catalog/data``), so that ours and
a user's are one thing.  ``stored.read_profile`` reads it back.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from dcplan.basis import Basis
from dcplan.catalog.efficiency import ANY, Efficiencies, Figure, Place, Profile

if TYPE_CHECKING:
    from dcplan.calibrate.calibration import Calibration
    from dcplan.catalog import Source

TITLE = "A calibration profile: what hardware and software reach, and how well predictions with it held."

COLUMNS = 108
"""Width of the header comment."""


LONGEST = 1e15
"""Whole numbers below this are written without an exponent."""


def over(shipped: Efficiencies, own: Efficiencies) -> Efficiencies:
    """The shipped table with a user's profile over it, figure by figure; its judgements are asked first."""
    return Efficiencies(rows=shipped.with_figures(own.rows).rows, profiles=(*own.profiles, *shipped.profiles))


def table_of(calibrations: Sequence[Calibration]) -> Efficiencies:
    """What calibrations found as a table of its own: only figures that the rows moved."""
    rows: dict[Place, dict[str, Figure]] = {}
    for one in calibrations:
        own = rows.setdefault((one.accelerator, one.software), {})
        for change in one.changes:
            if change.moved:
                own[change.figure] = Figure(value=change.after, basis=Basis.CALIBRATED, source=one.source)
    return Efficiencies(
        rows={place: figures for place, figures in rows.items() if figures},
        profiles=tuple(profile for one in calibrations for profile in one.profiles),
    )


def profile_text(calibrations: Sequence[Calibration], written: str) -> str:
    """Calibrations as the text of a profile; ``written`` is today's date."""
    table = table_of(calibrations)
    sources: dict[Source, str] = {}
    for one in calibrations:
        sources.setdefault(one.source, f"measured-{len(sources) + 1}")
    lines = [*_header(calibrations, written), "sources:"]
    lines += [f"  {key}: {_flow({'name': s.name, 'date': s.date})}" for s, key in sources.items()]
    lines += ["rows:", *_figures(table, sources)] if table.rows else ["rows: []"]
    lines += ["profiles:", *_profiles(table.profiles, sources)] if table.profiles else ["profiles: []"]
    return "\n".join(lines) + "\n"


def _header(calibrations: Sequence[Calibration], written: str) -> list[str]:
    """Comments for whoever opens the file."""
    told = [f"{TITLE} Written by dcplan calibrate on {written}."]
    for one in calibrations:
        under = "" if one.software == ANY else f" with {one.software}"
        told.append(f"{one.accelerator}{under}: {one.rows} rows; {one.method}.")
        stayed = [change.figure for change in one.changes if not change.moved]
        if stayed:
            told.append(f"Too few rows to tell, so that the value before holds: {', '.join(stayed)}.")
    told.append(
        "median, p90: of the absolute error, as a share of the measured time, over rows not fitted; "
        "bias: median of predicted over measured, less 1; slow80: measured over predicted that eight in "
        "ten rows stay below; range: what the rows cover."
    )
    return [f"# {line}" for text in told for line in textwrap.wrap(text, COLUMNS)]


def _figures(table: Efficiencies, sources: Mapping[Source, str]) -> list[str]:
    lines = []
    for (of, software), figures in table.rows.items():
        place = {"of": of} if software == ANY else {"of": of, "with": software}
        for name, figure in figures.items():
            entry = {**place, "figure": name, "value": figure.value, "basis": figure.basis.value}
            lines.append(f"  - {_flow({**entry, 'from': sources[figure.source]})}")
    return lines


def _profiles(profiles: Sequence[Profile], sources: Mapping[Source, str]) -> list[str]:
    lines = []
    for one in profiles:
        entry = {
            "accelerator": one.accelerator,
            "software": one.software,
            "precision": one.precision,
            "metric": one.metric,
            "date": one.date,
            "rows": one.rows,
            "groups": one.groups,
            "median": one.median,
            "p90": one.p90,
            "bias": one.bias,
            "slow80": one.slow80,
            "range": {key: list(span) for key, span in one.range.items()},
            "from": sources[one.source],
        }
        lines.append(f"  - {_flow(entry)}")
    return lines


def _flow(value: object) -> str:
    """A value in YAML's flow style; texts as in JSON, which YAML reads alike."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(part) for part in value) + "]"
    if isinstance(value, float):
        return _number(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


def _number(value: float) -> str:
    """A number that YAML reads back to the last digit; YAML 1.1 takes 1e-06, without a dot, for text."""
    if value == int(value) and abs(value) < LONGEST:
        return str(int(value))
    mantissa, letter, exponent = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent}" if letter else mantissa
