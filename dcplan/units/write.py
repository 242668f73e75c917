"""From numbers to text, in as many digits as matter."""

from __future__ import annotations

import math
from itertools import pairwise

from dcplan.units.read import BINARY, DECIMAL, PERIODS_S


def format_duration(seconds: float) -> str:
    """``1h30m``, ``500ms``, ``2d``: the two largest units that matter."""
    if seconds < 0:
        return f"-{format_duration(-seconds)}"
    if not math.isfinite(seconds):
        return "forever"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size * 0.9995 or seconds == 0:
            if unit == "s" and seconds >= 59.95:  # noqa: PLR2004 - 60 s, seen at three digits
                break
            return f"{_digits(seconds / size, 3)}{unit}"
    else:
        return f"{_digits(seconds * 1e9, 3)}ns"
    return _two_units(seconds)


def _two_units(seconds: float) -> str:
    """A minute and more as two neighbouring units: ``1m30s``, ``2d4h``, ``40d``."""
    ladder = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
    for (large, size), (small, step) in pairwise(ladder):
        steps = round(seconds / step)
        if steps * step >= size:
            whole, rest = divmod(steps, size // step)
            return f"{whole}{large}{rest}{small}" if rest else f"{whole}{large}"
    return f"{round(seconds)}s"


def format_bytes(size_bytes: float) -> str:
    """``80 GiB``: three digits in binary units."""
    return _scaled(size_bytes, (*((f" {p}B", s) for p, s in reversed(BINARY.items())), (" B", 1.0)))


def format_bytes_per_s(bytes_per_s: float) -> str:
    """``50 GB/s``: three digits in decimal units, as links are sold."""
    names = ("E", "P", "T", "G", "M", "k")
    return _scaled(bytes_per_s, (*((f" {n}B/s", DECIMAL[n]) for n in names), (" B/s", 1.0)))


def format_power(power_w: float) -> str:
    """``87.5 kW``: three digits."""
    return _scaled(power_w, ((" GW", 1e9), (" MW", 1e6), (" kW", 1e3), (" W", 1.0)))


def format_usd(usd: float) -> str:
    """``$1,200``, ``$12.50``, ``$0.0012``: cents below a thousand dollars, three digits below a cent."""
    if usd < 0:
        return f"-{format_usd(-usd)}"
    if usd >= 999.995:  # noqa: PLR2004 - 1,000 once rounded to cents
        return f"${usd:,.0f}"
    if usd >= 0.01 or usd == 0:  # noqa: PLR2004 - a cent
        return f"${usd:.2f}"
    return f"${_digits(usd, 3)}"


def format_usd_per_h(usd_per_h: float) -> str:
    """``$12.50/h``."""
    return f"{format_usd(usd_per_h)}/h"


def format_rate(per_s: float) -> str:
    """``40/s``, ``30/min``, ``2/day``: the shortest period with at least one event."""
    for period in ("s", "min", "h"):
        if abs(per_s) * PERIODS_S[period] >= 1:
            return f"{format_count(per_s * PERIODS_S[period])}/{period}"
    return f"{_digits(per_s * 86_400, 3)}/day"


def format_count(count: float) -> str:
    """``4,096``, ``12.3k``, ``15T``: three digits from ten thousand on."""
    if abs(count) < 9_999.5:  # noqa: PLR2004 - 10,000 once rounded
        return _digits(count, 4)
    return _scaled(count, (("P", 1e15), ("T", 1e12), ("B", 1e9), ("M", 1e6), ("k", 1e3)))


def format_percent(share: float) -> str:
    """``99.9%``; six digits, and more where they would make a hundred of 99.99999%."""
    for significant in (6, 9, 12):
        text = _digits(share * 100, significant)
        if text != "100":
            break
    return f"{text}%"


def _scaled(value: float, scales: tuple[tuple[str, float], ...]) -> str:
    """Three digits with the largest name that leaves at least one."""
    for name, scale in scales:
        if abs(value) >= scale * 0.9995:
            return f"{_digits(value / scale, 3)}{name}"
    return f"{_digits(value, 3)}{scales[-1][0]}"


def _digits(value: float, significant: int) -> str:
    """``value`` rounded to so many digits, without exponent, with commas and no idle zeros."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    decimals = max(0, significant - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
