"""Quantities in the document: text with a unit outside, a float in base units inside.

Each type is a strict float that also knows how to read its text and how to
describe itself in the JSON schema.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import Field
from pydantic_core import PydanticCustomError, core_schema

from dcplan import units

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler

UNIT_ERROR = "unit"
"""The type of pydantic's error when a quantity cannot be read; its text is the UnitError's."""

T = TypeVar("T")

Many = Annotated[tuple[T, ...], Field(strict=False)]
"""A YAML list, kept as a tuple."""

_NUMBER = r"(([0-9]{1,3}(,[0-9]{3})+|[0-9][0-9_]*)(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
_PER = r"\s*/\s*(s|sec|second|min|minute|h|hour|d|day|month|mo|year|yr)"
_TIME = r"(ns|us|µs|μs|ms|s|secs?|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)"


@dataclass(frozen=True)
class Quantity:
    """How pydantic reads one sort of quantity.

    ``parse`` gives base units or raises UnitError; ``bare`` says that a
    number without a unit is legal too.
    """

    parse: Callable[[str | float], float]
    description: str
    pattern: str
    examples: tuple[str | float, ...]
    bare: bool = False

    def read(self, value: Any) -> float:
        """The value in base units; pydantic's error with the UnitError's words."""
        try:
            return self.parse(value)
        except units.UnitError as problem:
            raise PydanticCustomError(UNIT_ERROR, "{problem}", {"problem": str(problem)}) from None

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        """Read first, then check as a float, so that bounds such as ``gt`` still hold."""
        return core_schema.no_info_before_validator_function(self.read, handler(source))

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Text of the right shape or, where a bare number is legal, a number."""
        text: dict[str, Any] = {"type": "string", "pattern": f"^\\s*{self.pattern}\\s*$"}
        about: dict[str, Any] = {"description": self.description, "examples": list(self.examples)}
        if self.bare:
            return {"anyOf": [{"type": "number", "minimum": 0}, text], **about}
        return text | about


def _rate_or_number(value: str | float) -> float:
    """A rate; a bare number is per second, because the key (``requests_per_s``) says so."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return units.parse_count(value)
    return units.parse_rate_per_s(value)


Duration = Annotated[
    float,
    Quantity(
        units.parse_duration_s,
        "A duration with its unit.",
        rf"({_NUMBER}\s*{_TIME}\s*)+",
        ("500ms", "30s", "1h30m", "30d"),
    ),
]
"""Seconds, written ``500ms`` or ``1h30m``."""

Bytes = Annotated[
    float,
    Quantity(
        units.parse_bytes,
        "A size with its unit, binary (GiB) or decimal (GB).",
        rf"{_NUMBER}\s*([kKMGTPE]|[KMGTPE]i)?B",
        ("80GiB", "3.5TB"),
    ),
]
"""Bytes, written ``80GiB`` or ``3.5TB``."""

BytesPerS = Annotated[
    float,
    Quantity(
        units.parse_bytes_per_s,
        "A bandwidth with its unit; bits are eighths of bytes.",
        rf"{_NUMBER}\s*(([kKMGTPE]|[KMGTPE]i)?B/s|[kKMGTPE]?(bit/s|bps))",
        ("400Gbit/s", "50GB/s"),
    ),
]
"""Bytes per second, written ``400Gbit/s`` or ``50GB/s``."""

_USD = rf"((\$|USD\s?)\s*{_NUMBER}\s*[kKMB]?|{_NUMBER}\s*[kKMB]?\s*(USD|\$))"

Usd = Annotated[float, Quantity(units.parse_usd, "An amount in US dollars.", _USD, ("$1,200", "$1.5M"))]
"""US dollars, written ``$1,200``."""

UsdPerH = Annotated[
    float,
    Quantity(
        units.parse_usd_per_h,
        "US dollars per time; a month is 730 hours.",
        _USD + _PER,
        ("$12/h", "$5000/month"),
    ),
]
"""US dollars per hour, written ``$12/h`` or ``$5000/month``."""

UsdPerByte = Annotated[
    float,
    Quantity(
        units.parse_usd_per_byte,
        "US dollars per size.",
        rf"{_USD}\s*/\s*([kKMGTPE]|[KMGTPE]i)?B",
        ("$0.09/GB",),
    ),
]
"""US dollars per byte, written ``$0.09/GB``."""

UsdPerKg = Annotated[
    float,
    Quantity(
        units.parse_usd_per_kg,
        "US dollars per mass.",
        rf"{_USD}\s*/\s*(g|kg|t)",
        ("$0.05/kg", "$50/t"),
    ),
]
"""US dollars per kilogram, written ``$0.05/kg``."""

Power = Annotated[
    float,
    Quantity(units.parse_power_w, "A power with its unit.", rf"{_NUMBER}\s*[kMG]?W", ("700W", "1.5MW")),
]
"""Watts, written ``200kW``."""

KgPerH = Annotated[
    float,
    Quantity(
        units.parse_kg_per_h,
        "A mass per time; a month is 730 hours.",
        rf"{_NUMBER}\s*(g|kg|t)/(s|sec|second|min|minute|h|hour|d|day|month|mo|year|yr)",
        ("20kg/h", "50t/year"),
    ),
]
"""Kilograms per hour, written ``20kg/h`` or ``50t/year``."""

GramsPerKwh = Annotated[
    float,
    Quantity(
        units.parse_g_per_kwh,
        "Grams of CO2e per kilowatt-hour.",
        rf"{_NUMBER}\s*(g/kWh|kg/kWh|kg/MWh|t/MWh)",
        ("320g/kWh",),
    ),
]
"""Grams per kilowatt-hour, written ``320g/kWh``."""

RatePerS = Annotated[
    float,
    Quantity(
        _rate_or_number,
        "A rate; a bare number is per second.",
        rf"{_NUMBER}\s*[kKMBGTP]?\s*(requests|req|tokens)?{_PER}",
        ("40/s", "1200/min", "3M/day"),
        bare=True,
    ),
]
"""Per second, written ``40/s``, ``1200/min`` or as a bare number per second."""

Count = Annotated[
    float,
    Quantity(units.parse_count, "A count.", rf"{_NUMBER}\s*[kKMBGTP]?", ("15T", "4M", 4096), bare=True),
]
"""How many, written ``15T``, ``4M`` or as a bare number."""

Fraction = Annotated[
    float,
    Quantity(
        units.parse_fraction,
        "A share: a percentage, or a number from 0 to 1.",
        rf"{_NUMBER}\s*%?",
        ("99.9%", 0.999),
        bare=True,
    ),
]
"""A share, written ``99.9%`` or ``0.999``."""
