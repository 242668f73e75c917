"""Where an inventory says that it stands, and how much power it has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.provider import OfferingQuery
from dcplan.provider.local import load_inventory, provider

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """
name: hamburg
region: eu-north
site: {place: hamburg, carbon: 300g/kWh, pue: 1.3, egress: $0.01/GB}
power: 900kW
machines:
  h100x8:
    {accelerator: H100, devices: 8, vcpus: 192, memory: 2TiB, network: 3200Gbit/s, fabric: RoCE, price: $18/h,
     power: 9.5kW}
"""
ZONES = """
zones:
  north: {power: 200kW, blocks: {a: {power: 40kW, racks: {count: 1, machine: h100x8, nodes: 4}}}}
  south: {site: {country: denmark, pue: 1.1}, racks: {count: 1, machine: h100x8, nodes: 4}}
"""


def test_zones_are_where_the_file_says_unless_they_say_otherwise(tmp_path: Path) -> None:
    """A city tells its country; a zone of its own keeps what it does not correct."""
    path = tmp_path / "inventory.yaml"
    path.write_text(HEAD + ZONES)
    made = provider({"datacenter": "inventory.yaml"}, tmp_path).unwrap()

    places = {o.zone: o.place for o in made.offerings(OfferingQuery()).unwrap()}
    facts = {
        zone: (
            p.country,
            p.latitude_deg,
            p.grid_g_per_kwh,
            p.pue,
            round((p.egress_usd_per_byte or 0) * 1e9, 6),
        )
        for zone, p in places.items()
        if p is not None
    }

    assert facts == {"north": ("DE", 53.55, 300.0, 1.3, 0.01), "south": ("DK", 53.55, 300.0, 1.1, 0.01)}
    assert [m.power_w for m in made.machines().unwrap()] == [9500.0]


def test_power_limits_reach_the_site(tmp_path: Path) -> None:
    """Of the data centre, its zones and their blocks; one that is not told is unknown."""
    path = tmp_path / "inventory.yaml"
    path.write_text(HEAD + ZONES)
    north, south = load_inventory(path).unwrap().zones

    assert (north.site_power_w, north.power_w, north.blocks[0].power_w) == (900e3, 200e3, 40e3)
    assert (south.site_power_w, south.power_w, south.blocks[0].power_w) == (900e3, None, None)


def test_a_country_that_nobody_knows_is_told_at_its_line(tmp_path: Path) -> None:
    """With the one that was meant."""
    path = tmp_path / "inventory.yaml"
    path.write_text(HEAD + ZONES.replace("denmark", "denmrak"))
    [problem] = load_inventory(path).diagnostics

    assert problem.code == "unknown-jurisdiction"
    assert problem.range is not None
    assert problem.range.line == 13
    assert 'Did you mean "denmark"?' in problem.detail
