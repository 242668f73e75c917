"""Units: quantities as people write them, and as dcplan reckons with them.

Takes: text such as ``"80 GiB"``, ``"1h30m"``.        Gives: floats in base units, and text again.
Knows: ``re``.        Never: YAML, pydantic, a default unit (30 is an error where 30s is meant).

Base units: seconds, bytes, US dollars, dollars per hour, per second, bytes per second, watts, kilograms per
hour, grams per kilowatt-hour, dollars per byte, dollars per kilogram.
A month is 730 hours and a year 8,760, as clouds bill them.
"""

from dcplan.units.read import (
    HOURS_PER_MONTH,
    UnitError,
    parse_bytes,
    parse_bytes_per_s,
    parse_count,
    parse_duration_s,
    parse_fraction,
    parse_g_per_kwh,
    parse_kg_per_h,
    parse_power_w,
    parse_rate_per_s,
    parse_usd,
    parse_usd_per_byte,
    parse_usd_per_h,
    parse_usd_per_kg,
)
from dcplan.units.write import (
    format_bytes,
    format_bytes_per_s,
    format_count,
    format_duration,
    format_percent,
    format_power,
    format_rate,
    format_usd,
    format_usd_per_h,
)

__all__ = [
    "HOURS_PER_MONTH",
    "UnitError",
    "format_bytes",
    "format_bytes_per_s",
    "format_count",
    "format_duration",
    "format_percent",
    "format_power",
    "format_rate",
    "format_usd",
    "format_usd_per_h",
    "parse_bytes",
    "parse_bytes_per_s",
    "parse_count",
    "parse_duration_s",
    "parse_fraction",
    "parse_g_per_kwh",
    "parse_kg_per_h",
    "parse_power_w",
    "parse_rate_per_s",
    "parse_usd",
    "parse_usd_per_byte",
    "parse_usd_per_h",
    "parse_usd_per_kg",
]
