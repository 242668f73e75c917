"""Units: what can be read, what cannot, and that people's text survives the round trip."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dcplan import units
from dcplan.units import UnitError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("parse", "text", "expected"),
    [
        (units.parse_duration_s, "30d", 2_592_000.0),
        (units.parse_duration_s, "500ms", 0.5),
        (units.parse_duration_s, "1h30m", 5400.0),
        (units.parse_duration_s, "2 h 5 min", 7500.0),
        (units.parse_duration_s, "1.5 hours", 5400.0),
        (units.parse_bytes, "80GiB", 80 * 2.0**30),
        (units.parse_bytes, "3.5 TB", 3.5e12),
        (units.parse_bytes_per_s, "400Gbit/s", 5e10),
        (units.parse_bytes_per_s, "400Gbps", 5e10),
        (units.parse_bytes_per_s, "50GB/s", 5e10),
        (units.parse_usd, "$1,200", 1200.0),
        (units.parse_usd, "1.5k USD", 1500.0),
        (units.parse_usd_per_h, "$12/h", 12.0),
        (units.parse_usd_per_h, "$5000/month", 5000 / 730),
        (units.parse_usd_per_h, "$2/s", 7200.0),
        (units.parse_rate_per_s, "40/s", 40.0),
        (units.parse_rate_per_s, "1200/min", 20.0),
        (units.parse_rate_per_s, "3M/day", 3e6 / 86_400),
        (units.parse_rate_per_s, "40 requests/s", 40.0),
        (units.parse_count, "15T", 15e12),
        (units.parse_count, "4M", 4e6),
        (units.parse_count, "1e9", 1e9),
        (units.parse_count, 1000, 1000.0),
        (units.parse_count, "1,024", 1024.0),
        (units.parse_fraction, "99.9%", 0.999),
        (units.parse_fraction, "150%", 1.5),
        (units.parse_fraction, 0.999, 0.999),
        (units.parse_fraction, "0.5", 0.5),
    ],
)
def test_a_quantity_is_read_in_base_units(
    parse: Callable[[str | float], float], text: str | float, expected: float
) -> None:
    """Text with a unit becomes a number in base units."""
    assert expected == pytest.approx(parse(text), rel=1e-12)


@pytest.mark.parametrize(
    ("parse", "text", "hint"),
    [
        (units.parse_duration_s, 30, "30 has no unit: write 30s, 30m or 30ms."),
        (units.parse_duration_s, "30", "30 has no unit: write 30s, 30m or 30ms."),
        (units.parse_duration_s, "5 fortnights", '"5 fortnights" is not a duration'),
        (units.parse_duration_s, "-5s", '"-5s" is negative'),
        (units.parse_duration_s, -5, "-5 is negative"),
        (units.parse_duration_s, "", '"" is not a duration'),
        (units.parse_duration_s, "9e999s", "is too large"),
        (units.parse_bytes, 80, "80 has no unit: write 80MB or 80GiB."),
        (units.parse_bytes, "80Gb", "Units are B, kB, MB, GB"),
        (units.parse_bytes_per_s, "400", "write 400Gbit/s or 400GB/s"),
        (units.parse_usd, "12", "write $12."),
        (units.parse_usd_per_h, 12, "write $12/h."),
        (units.parse_usd_per_h, "$12", "write for example $12/h"),
        (units.parse_rate_per_s, "40", "write 40/s or 40/min"),
        (units.parse_rate_per_s, "40/fortnight", "is not a rate"),
        (units.parse_count, "many", '"many" is not a count'),
        (units.parse_count, float("nan"), "nan is not a count"),
        (units.parse_count, "1__0", "1__0 is not a count"),
        (units.parse_fraction, 99.9, "write 99.9% for a percentage"),
        (units.parse_fraction, "-5%", '"-5%" is negative'),
        (units.parse_fraction, "%", '"%" is not a share'),
    ],
)
def test_what_cannot_be_read_is_told_with_a_right_example(
    parse: Callable[[str | float], float], text: str | float, hint: str
) -> None:
    """The error says what is wrong and how to write it."""
    with pytest.raises(UnitError) as caught:
        parse(text)

    assert hint in str(caught.value)


@pytest.mark.parametrize(
    "parse",
    [
        units.parse_duration_s,
        units.parse_bytes,
        units.parse_bytes_per_s,
        units.parse_usd,
        units.parse_usd_per_h,
        units.parse_rate_per_s,
        units.parse_count,
        units.parse_fraction,
    ],
)
@given(text=st.one_of(st.text(max_size=20), st.integers(), st.floats(), st.none(), st.booleans()))
def test_anything_is_either_read_or_refused(parse: Callable[[object], float], text: object) -> None:
    """No input raises anything but UnitError, and no quantity is negative or infinite."""
    said, value = "", 0.0
    try:
        value = parse(text)
    except UnitError as problem:
        said = str(problem)

    assert said == "" or said.endswith(".")
    assert 0 <= value < float("inf")


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (units.format_duration, units.parse_duration_s),
        (units.format_bytes, units.parse_bytes),
        (units.format_bytes_per_s, units.parse_bytes_per_s),
        (units.format_rate, units.parse_rate_per_s),
        (units.format_count, units.parse_count),
        (units.format_percent, units.parse_fraction),
        (units.format_usd, units.parse_usd),
        (units.format_usd_per_h, units.parse_usd_per_h),
    ],
)
@given(value=st.floats(min_value=1e-6, max_value=1e15))
def test_formatted_text_reads_back_as_nearly_the_same(
    write: Callable[[float], str], read: Callable[[str], float], value: float
) -> None:
    """What we write for people can be read again, to within its rounding."""
    tolerance = 0.005 if "usd" in write.__name__ else 0

    assert value == pytest.approx(read(write(value)), rel=0.01, abs=tolerance)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (units.format_duration(0), "0s"),
        (units.format_duration(5400), "1h30m"),
        (units.format_duration(59.99), "1m"),
        (units.format_duration(0.05), "50ms"),
        (units.format_duration(-90), "-1m30s"),
        (units.format_bytes(80 * 2**30), "80 GiB"),
        (units.format_bytes_per_s(5e10), "50 GB/s"),
        (units.format_usd(1234.5), "$1,234"),
        (units.format_usd(12.5), "$12.50"),
        (units.format_usd(0.0012), "$0.0012"),
        (units.format_usd_per_h(12.5), "$12.50/h"),
        (units.format_rate(40), "40/s"),
        (units.format_rate(0.5), "30/min"),
        (units.format_count(4096), "4,096"),
        (units.format_count(15e12), "15T"),
        (units.format_percent(0.999), "99.9%"),
        (units.format_percent(0.9999999), "99.99999%"),
        (units.format_percent(1), "100%"),
    ],
)
def test_quantities_read_well(text: str, expected: str) -> None:
    """People see few digits and the unit they expect."""
    assert expected == text
