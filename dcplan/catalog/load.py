"""Our own catalogue files to nouns: accelerators, machines, offerings.

The files are part of dcplan, so a mistake in them is our bug and raises; only
what users write gives diagnostics.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcplan.catalog.live import holding, merged
from dcplan.catalog.types import Accelerator, AcceleratorKind, Machine, Offering, Purchase, Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DATA = Path(__file__).parent / "data"

GIB = 2**30
GIGA = 1e9
TERA = 1e12
BYTES_PER_S_OF_GBIT = GIGA / 8

_LOCAL_ZONE = re.compile(r"^[a-z]+\d-[a-z]+\d*-az\d+$")
"""Ids of AWS Local Zones, such as use1-atl2-az1; those of usual zones are such as use1-az4."""


def load_accelerators() -> dict[str, Accelerator]:
    """All accelerators by their canonical names; aliases are left to ``canonical_accelerator``."""
    return {name: _accelerator(entry) for name, entry in _entries("accelerators.yaml").items()}


def canonical_accelerator(name: str) -> str | None:
    """The catalogue's name for what users call ``name`` (any case, any alias); None for a stranger.

    Of a part of a GPU, too: ``h100-sxm/3g.40gb``.
    """
    chip, slash, profile = name.lower().partition("/")
    canonical = _accelerator_names().get(chip)
    if canonical is None or not slash:
        return canonical
    known = read_data("partitions.yaml")["accelerators"].get(canonical, {})
    return f"{canonical}/{profile}" if profile in known else None


def catalog_providers() -> tuple[str, ...]:
    """The providers whose machines and offerings the catalogue holds."""
    return tuple(sorted(path.stem for path in (DATA / "machines").glob("*.yaml")))


def load_machines(provider: str) -> dict[str, Machine]:
    """The machine types of ``provider``, one of ``catalog_providers()``, by name."""
    entries = _entries(f"machines/{provider}.yaml")
    return {name: _machine(entry, provider) for name, entry in entries.items()}


def load_offerings(provider: str) -> tuple[Offering, ...]:
    """What ``provider`` offers in every zone, on demand and as spot, in the files' order.

    What is not sold is there with ``available=False``; a price that nobody
    wrote down is None.  A live catalogue that holds (``live.laid_over``) is laid over the files.
    """
    shipped, live = shipped_offerings(provider), holding(provider)
    return shipped if live is None else merged(shipped, live, load_machines(provider))


def shipped_offerings(provider: str) -> tuple[Offering, ...]:
    """What the files alone say that ``provider`` offers."""
    entries = _entries(f"offerings/{provider}.yaml").values()
    return tuple(offering for entry in entries for offering in _offerings(entry, provider))


@dataclass(frozen=True, slots=True)
class Entry:
    """One named entry of a data file, read strictly: what is wrong in it raises with its place."""

    file: str
    name: str
    fields: Mapping[str, Any]

    def bug(self, what: str) -> RuntimeError:
        """The exception for a mistake in this entry."""
        return RuntimeError(f"{self.file}, {self.name}: {what}. This is a bug in dcplan.")

    def text(self, key: str) -> str:
        """A string that must be there."""
        value = self.fields.get(key)
        if not isinstance(value, str):
            # An unquoted date, "on" or "1:30" is no string in YAML 1.1.
            raise self.bug(f"{key} is {value!r}, not a string")
        return value

    def positive(self, key: str) -> float:
        """A number above 0 that must be there."""
        value = self.maybe(key)
        if value is None:
            raise self.bug(f"{key} is missing")
        return value

    def maybe(self, key: str) -> float | None:
        """A number above 0, or None when the key is left out."""
        return None if key not in self.fields else self.amount(key, self.fields[key])

    def count(self, key: str) -> int:
        """A whole number above 0 that must be there."""
        value = self.positive(key)
        if value != int(value):
            raise self.bug(f"{key} is {value}, not a whole number")
        return int(value)

    def amount(self, key: str, value: object) -> float:
        """``value`` as a number above 0: an unknown amount is left out, never written as 0."""
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise self.bug(f"{key} is {value!r}, not a number above 0")
        return float(value)

    def source(self) -> Source:
        """Where the entry was read and when; both must be there."""
        return Source(name=self.text("source"), date=self.text("date"))


def read_data(file: str) -> dict[str, Any]:
    """The mapping in a data file, named from the data folder."""
    import yaml  # noqa: PLC0415 - whoever needs only the nouns shall not pay for YAML

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    with (DATA / file).open("rb") as stream:
        content = yaml.load(stream, Loader=loader)  # noqa: S506 - either loader is a safe one
    if not isinstance(content, dict):
        msg = f"{file} holds no mapping. This is a bug in dcplan."
        raise TypeError(msg)
    return content


def _entries(file: str) -> dict[str, Entry]:
    """The entries of a data file by name."""
    return {name: Entry(file, name, fields) for name, fields in read_data(file).items()}


@cache
def _accelerator_names() -> Mapping[str, str]:
    """From every known spelling in lower case to the canonical name."""
    names: dict[str, str] = {}
    for canonical, entry in _entries("accelerators.yaml").items():
        for spelling in (canonical, *entry.fields["aliases"]):
            if names.setdefault(spelling.lower(), canonical) != canonical:
                raise entry.bug(f"the alias {spelling} belongs to {names[spelling.lower()]}, too")
    return names


def _accelerator(entry: Entry) -> Accelerator:
    """One entry of ``accelerators.yaml``."""
    return Accelerator(
        name=entry.name,
        vendor=entry.text("vendor"),
        kind=AcceleratorKind(entry.text("kind")),
        memory_bytes=round(entry.positive("memory_gib") * GIB),
        memory_bytes_per_s=entry.positive("memory_gb_per_s") * GIGA,
        bf16_flops=_times(entry.maybe("bf16_tflops"), TERA),
        fp8_flops=_times(entry.maybe("fp8_tflops"), TERA),
        fp4_flops=_times(entry.maybe("fp4_tflops"), TERA),
        int8_flops=_times(entry.maybe("int8_tops"), TERA),
        scale_up=entry.text("scale_up"),
        scale_up_bytes_per_s=entry.positive("scale_up_gb_per_s") * GIGA,
        scale_up_domain=entry.count("scale_up_domain"),
        power_w=entry.maybe("power_w"),
        source=entry.source(),
    )


def _machine(entry: Entry, provider: str) -> Machine:
    """One entry of a file of ``machines/``."""
    return Machine(
        name=entry.name,
        provider=provider,
        accelerator=entry.text("accelerator"),
        devices=entry.count("devices"),
        vcpus=entry.count("vcpus"),
        memory_bytes=round(entry.positive("memory_gib") * GIB),
        network_bytes_per_s=entry.positive("network_gbit_per_s") * BYTES_PER_S_OF_GBIT,
        fabric=entry.text("fabric"),
        interfaces=entry.count("interfaces") if "interfaces" in entry.fields else None,
        scale_up_domain=entry.count("scale_up_domain"),
        source=entry.source(),
    )


def _offerings(entry: Entry, provider: str) -> Iterator[Offering]:
    """The offerings of one machine type: for each zone one on demand and one as spot."""
    on_demand = _prices(entry, "on_demand")
    spot = _prices(entry, "spot")
    no_spot = frozenset(entry.fields.get("no_spot", ()))
    sold_as = entry.fields.get("sold_as", ("on-demand", "spot"))
    source = entry.source()
    for region, zones in entry.fields["zones"].items():
        for zone in zones or (region,):
            # A Local Zone (use1-atl2-az1) has prices of its own, which the region's list does not hold.
            list_price = None if _LOCAL_ZONE.match(zone) else on_demand.get(region)
            spot_price = spot.get(zone)
            if list_price is not None and spot_price is not None and spot_price > list_price:
                raise entry.bug(f"spot in {zone} costs more than on demand")
            for purchase, price, sold in (
                (Purchase.ON_DEMAND, list_price, True),
                (Purchase.SPOT, spot_price, zone not in no_spot),
            ):
                yield Offering(
                    provider=provider,
                    region=region,
                    zone=zone,
                    machine=entry.name,
                    purchase=purchase,
                    usd_per_h=price,
                    machines=None,
                    available=sold and purchase.value in sold_as,
                    source=source,
                )


def _prices(entry: Entry, key: str) -> dict[str, float]:
    """Prices by place, USD per machine and hour."""
    return {place: entry.amount(f"{key} in {place}", usd) for place, usd in entry.fields.get(key, {}).items()}


def _times(number: float | None, unit: float) -> float | None:
    """``number`` in base units; unknown stays unknown."""
    return None if number is None else number * unit
