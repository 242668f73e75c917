"""From text to numbers: one function for each sort of quantity."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HOURS_PER_MONTH = 730.0
"""A year's 8,760 hours over twelve."""


class UnitError(ValueError):
    """A quantity that cannot be read.  Its text says what is wrong and shows a right one."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """One sort of quantity: its name in messages, its units in base units, and right examples."""

    name: str
    units: Mapping[str, float]
    shown: str
    """The units as a message lists them."""
    example: str
    bare: str
    """How to mend a number without a unit; ``{n}`` is the number."""


_SECONDS = {
    **dict.fromkeys(("ns",), 1e-9),
    **dict.fromkeys(("us", "µs", "μs"), 1e-6),
    **dict.fromkeys(("ms",), 1e-3),
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86_400.0),
    **dict.fromkeys(("w", "week", "weeks"), 604_800.0),
}
PERIODS_S = {
    **{unit: _SECONDS[unit] for unit in ("s", "sec", "second", "min", "minute", "h", "hour", "d", "day")},
    **dict.fromkeys(("month", "mo"), HOURS_PER_MONTH * 3600.0),
    **dict.fromkeys(("year", "yr"), 12 * HOURS_PER_MONTH * 3600.0),
}
_SCALES = {"": 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "G": 1e9, "T": 1e12, "P": 1e15}
DECIMAL = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18}
BINARY = {"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60}
_BYTES = {"B": 1.0, **{f"{prefix}B": scale for prefix, scale in (*DECIMAL.items(), *BINARY.items())}}
_BYTES_PER_S = {
    **{f"{unit}/s": scale for unit, scale in _BYTES.items()},
    **{f"{prefix}bit/s": scale / 8 for prefix, scale in (("", 1.0), *DECIMAL.items())},
    **{f"{prefix}bps": scale / 8 for prefix, scale in (("", 1.0), *DECIMAL.items())},
}
_WATTS = {"W": 1.0, **{f"{prefix}W": DECIMAL[prefix] for prefix in ("k", "M", "G")}}
_KG = {"g": 1e-3, "kg": 1.0, "t": 1e3}
_KG_PER_H = {f"{m}/{p}": kg * 3600.0 / s for m, kg in _KG.items() for p, s in PERIODS_S.items()}
_G_PER_KWH = {"g/kWh": 1.0, "kg/kWh": 1e3, "kg/MWh": 1.0, "t/MWh": 1e3}

_DURATION = _Kind(
    "a duration", _SECONDS, "ns, us, ms, s, m, h, d and w", "500ms, 30s or 1h30m", "{n}s, {n}m or {n}ms"
)
_SIZE = _Kind(
    "a size", _BYTES, "B, kB, MB, GB, TB, KiB, MiB, GiB and TiB", "80GiB or 3.5TB", "{n}MB or {n}GiB"
)
_BANDWIDTH = _Kind(
    "a bandwidth",
    _BYTES_PER_S,
    "GB/s, GiB/s, Gbit/s and the like",
    "400Gbit/s or 50GB/s",
    "{n}Gbit/s or {n}GB/s",
)
_MONEY = _Kind("an amount of money", {}, "$", "$1,200 or $1.5M", "${n}")
_PRICE = _Kind(
    "a price per time", {}, "/s, /min, /h, /day, /month and /year", "$12/h or $5000/month", "${n}/h"
)
_RATE = _Kind(
    "a rate", {}, "/s, /min, /h, /day, /month and /year", "40/s, 1200/min or 3M/day", "{n}/s or {n}/min"
)
_POWER = _Kind("a power", _WATTS, "W, kW, MW and GW", "700W or 1.5MW", "{n}W or {n}kW")
_EMISSION = _Kind(
    "a mass per time", _KG_PER_H, "g, kg and t per h, day, month, year", "20kg/h or 50t/year", "{n}kg/h"
)
_INTENSITY = _Kind("a carbon intensity", _G_PER_KWH, "g/kWh, kg/kWh and kg/MWh", "320g/kWh", "{n}g/kWh")
_TRANSFER = _Kind("a price per size", {}, "$ per B, kB, MB, GB and TB", "$0.09/GB", "${n}/GB")
_EMISSION_PRICE = _Kind("a price per mass", {}, "$ per g, kg and t", "$0.05/kg or $50/t", "${n}/kg")
_COUNT = _Kind("a count", _SCALES, "k, M, B and T", "4096, 4M or 15T", "{n}")
_SHARE = _Kind("a share", {}, "%", "99.9% or 0.999", "{n}%")

_NUMBER = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9][0-9_]*)(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_AMOUNT = re.compile(rf"({_NUMBER})\s*([^\d\s.,][^\d\s,]*)?\s*")
_BARE = re.compile(rf"-?(?:{_NUMBER})")
_PER = re.compile(rf"({_NUMBER})\s*([kKMBGTP]?)\s*(?:requests|req|tokens)?\s*/\s*([a-z]+)")
_USD = re.compile(rf"(?:\$|USD\s?)\s*({_NUMBER})\s*([kKMB]?)|({_NUMBER})\s*([kKMB]?)\s*(?:USD|\$)")
_LONGEST_ECHO = 60


def parse_duration_s(text: str | float) -> float:
    """Seconds in ``"500ms"``, ``"30d"``, ``"1h30m"``.  Raises UnitError."""
    given = _text(text, _DURATION)
    if not given:
        raise _wrong(given, _DURATION)
    position, total = 0, 0.0
    while position < len(given):
        match = _AMOUNT.match(given, position)
        if match is None or match[2] not in _SECONDS:
            raise _wrong(given, _DURATION)
        total += _number(match[1], given, _DURATION) * _SECONDS[match[2]]
        position = match.end()
    return _finite(total, given, _DURATION)


def parse_bytes(text: str | float) -> float:
    """Bytes in ``"80GiB"`` (binary) or ``"3.5TB"`` (decimal).  Raises UnitError."""
    return _simple(text, _SIZE)


def parse_bytes_per_s(text: str | float) -> float:
    """Bytes per second in ``"400Gbit/s"``, ``"400Gbps"`` or ``"50GB/s"``.  Raises UnitError."""
    return _simple(text, _BANDWIDTH)


def parse_usd(text: str | float) -> float:
    """US dollars in ``"$1,200"``, ``"1.5k USD"``.  Raises UnitError."""
    return _usd(_text(text, _MONEY), _MONEY)


def parse_usd_per_h(text: str | float) -> float:
    """US dollars per hour in ``"$12/h"``, ``"$5000/month"`` (730 hours).  Raises UnitError."""
    given = _text(text, _PRICE)
    amount, slash, period = given.rpartition("/")
    if not slash or period.strip() not in PERIODS_S:
        raise _wrong(given, _PRICE)
    return _usd(amount.strip(), _PRICE, given) * 3600.0 / PERIODS_S[period.strip()]


def parse_usd_per_byte(text: str | float) -> float:
    """US dollars per byte in ``"$0.09/GB"``.  Raises UnitError."""
    given = _text(text, _TRANSFER)
    amount, slash, size = given.rpartition("/")
    if not slash or size.strip() not in _BYTES:
        raise _wrong(given, _TRANSFER)
    return _usd(amount.strip(), _TRANSFER, given) / _BYTES[size.strip()]


def parse_usd_per_kg(text: str | float) -> float:
    """US dollars per kilogram in ``"$0.05/kg"``, ``"$50/t"``.  Raises UnitError."""
    given = _text(text, _EMISSION_PRICE)
    amount, slash, mass = given.rpartition("/")
    if not slash or mass.strip() not in _KG:
        raise _wrong(given, _EMISSION_PRICE)
    return _usd(amount.strip(), _EMISSION_PRICE, given) / _KG[mass.strip()]


def parse_power_w(text: str | float) -> float:
    """Watts in ``"700W"``, ``"1.5MW"``.  Raises UnitError."""
    return _simple(text, _POWER)


def parse_kg_per_h(text: str | float) -> float:
    """Kilograms per hour in ``"20kg/h"``, ``"50t/year"``.  Raises UnitError."""
    return _simple(text, _EMISSION)


def parse_g_per_kwh(text: str | float) -> float:
    """Grams per kilowatt-hour in ``"320g/kWh"``.  Raises UnitError."""
    return _simple(text, _INTENSITY)


def parse_rate_per_s(text: str | float) -> float:
    """Events per second in ``"40/s"``, ``"1200/min"``, ``"3M/day"``.  Raises UnitError."""
    given = _text(text, _RATE)
    match = _PER.fullmatch(given)
    if match is None or match[3] not in PERIODS_S:
        raise _wrong(given, _RATE)
    return _finite(_number(match[1], given, _RATE) * _SCALES[match[2]] / PERIODS_S[match[3]], given, _RATE)


def parse_count(text: str | float) -> float:
    """How many in ``"15T"``, ``"4M"``, ``"1e9"`` or a bare number.  Raises UnitError."""
    if _is_number(text):
        return _bare_number(float(text), _COUNT)
    if not isinstance(text, str):
        raise _not_text(_COUNT)
    given = text.strip()
    match = _AMOUNT.fullmatch(given)
    if match is None or (match[2] or "") not in _SCALES:
        raise _wrong(given, _COUNT)
    return _finite(_number(match[1], given, _COUNT) * _SCALES[match[2] or ""], given, _COUNT)


def parse_fraction(text: str | float) -> float:
    """A share in ``"99.9%"`` or a bare number from 0 to 1.

    A bare number above 1 is refused: 99.9 was meant as a percentage, 1.5
    perhaps not.  ``"150%"`` is 1.5.  Raises UnitError.
    """
    if isinstance(text, str) and text.strip().endswith("%"):
        given = text.strip()
        number = given[:-1].strip()
        if not _BARE.fullmatch(number) or given.startswith("-"):
            raise _wrong(given, _SHARE)
        # Rounded, because 99.9 / 100 is 0.9990000000000001 in binary.
        return _finite(round(_number(number, given, _SHARE) / 100, 15), given, _SHARE)
    if not _is_number(text) and not isinstance(text, str):
        raise _not_text(_SHARE)
    given = str(text).strip()
    if isinstance(text, str) and not _BARE.fullmatch(given):
        raise _wrong(given, _SHARE)
    share = _bare_number(_number(given, given, _SHARE), _SHARE)
    if share > 1:
        msg = f"{given} is more than 1: write {given}% for a percentage, or a number from 0 to 1."
        raise UnitError(msg)
    return share


def _simple(text: str | float, kind: _Kind) -> float:
    """One number with one of the kind's units."""
    given = _text(text, kind)
    match = _AMOUNT.fullmatch(given)
    if match is None or match[2] not in kind.units:
        raise _wrong(given, kind)
    return _finite(_number(match[1], given, kind) * kind.units[match[2]], given, kind)


def _usd(amount: str, kind: _Kind, given: str | None = None) -> float:
    """Dollars in ``amount``; messages show ``given``, the whole text."""
    match = _USD.fullmatch(amount)
    number = match and (match[1] or match[3])
    if match is None or not number:
        raise _wrong(given or amount, kind)
    scale = _SCALES[match[2] or match[4] or ""]
    return _finite(_number(number, given or amount, kind) * scale, given or amount, kind)


def _is_number(text: object) -> bool:
    return isinstance(text, int | float) and not isinstance(text, bool)


def _text(text: object, kind: _Kind) -> str:
    """The text to read; a number (or a text of one) has no unit, and that is an error."""
    if not _is_number(text) and not isinstance(text, str):
        raise _not_text(kind)
    given = str(text).strip()
    if not _is_number(text) and not _BARE.fullmatch(given):
        return given
    if given.startswith("-") or len(given) > _LONGEST_ECHO:
        raise _wrong(given, kind)
    msg = f"{given} has no unit: write {kind.bare.format(n=given)}."
    raise UnitError(msg)


def _not_text(kind: _Kind) -> UnitError:
    """The error for a list, a mapping, true, nothing."""
    return UnitError(f"This is not {kind.name}: write for example {kind.example}.")


def _bare_number(number: float, kind: _Kind) -> float:
    """A number that stands without a unit: it must be finite and not negative."""
    if number < 0 or not math.isfinite(number):
        msg = f"{number:g} is not {kind.name}: write for example {kind.example}."
        raise UnitError(msg)
    return number


def _number(digits: str, given: str, kind: _Kind) -> float:
    try:
        return float(digits.replace(",", ""))
    except ValueError:  # "e5", "_": the pattern is a little wider than numbers are
        raise _wrong(given, kind) from None


def _finite(number: float, given: str, kind: _Kind) -> float:
    if not math.isfinite(number):
        msg = f"{_shown(given)} is too large for {kind.name}."
        raise UnitError(msg)
    return number


def _wrong(given: str, kind: _Kind) -> UnitError:
    """The error for a text that is not of this kind.

    It shows the whole text or none of it, never a piece, so that a secret
    can be found in it and hidden.
    """
    if given.startswith("-"):
        return UnitError(f"{_shown(given)} is negative: write for example {kind.example}.")
    units = f" Units are {kind.shown}." if kind.units or kind in (_RATE, _PRICE) else ""
    return UnitError(f"{_shown(given)} is not {kind.name}: write for example {kind.example}.{units}")


def _shown(given: str) -> str:
    if len(given) > _LONGEST_ECHO:
        return f"A text of {len(given):,} characters"
    return given if _BARE.fullmatch(given) else f'"{given}"'
