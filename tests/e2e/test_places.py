"""Residency, users, traffic, carbon and power, from the document to the plan and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

ZONES = """\
site: {place: hamburg, carbon: 400g/kWh, pue: 1.2, egress: $0.02/GB}
machines:
  l40sx2: {accelerator: L40S, devices: 2, vcpus: 32, memory: 256GiB, network: 200Gbit/s, fabric: RoCE,
           price: $2/h, power: 1kW}
zones:
  hall-a: {racks: {count: 2, machine: l40sx2, nodes: 3}}
  hall-b: {site: {place: oslo, carbon: 20g/kWh}, power: 3kW, racks: {count: 2, machine: l40sx2, nodes: 3}}
"""


@pytest.fixture
def placed(small: Small) -> Small:
    """The small project, its halls in Hamburg and Oslo."""
    path = small.folder / "datacenter.yaml"
    text = path.read_text()
    path.write_text(text[: text.index("machines:")] + ZONES)
    small.replace("default: 50/s", "default: 20/s")
    return small


def add(small: Small, text: str) -> None:
    """Write something at the end of the document."""
    path = small.folder / "dcplan.yaml"
    path.write_text(path.read_text() + text)


def zones(small: Small) -> set[str]:
    """The zones of the plan."""
    data = json.loads(small.run("plan", "-json").stdout)
    assert data["workloads"], data
    return {a["pool"].split("/")[0] for w in data["workloads"] for a in w["allotments"]}


@pytest.mark.parametrize(("country", "zone"), [("norway", "hall-b"), ("DE", "hall-a"), ("eu", "hall-a")])
def test_residency_decides_the_hall(placed: Small, country: str, zone: str) -> None:
    """Each hall is in the country of its city."""
    add(placed, f"constraints: {{residency: [{country}]}}\n")

    assert zones(placed) == {zone}


def test_a_country_without_machines_says_where_they_are(placed: Small) -> None:
    """The line of the residency, and the countries that there are."""
    add(placed, "constraints: {residency: [france]}\n")
    said = " ".join(placed.run("plan").stderr.split())

    assert "error: No machine is left" in said
    assert "chat may not leave france. The machines on offer are in germany and norway." in said


def test_users_pull_replicas_and_the_plan_tells_how_far_they_are(placed: Small) -> None:
    """What the document measured goes over distances; the plan says which it was."""
    placed.replace("output_tokens: 128}", "output_tokens: 128, users: oslo}")
    placed.replace("tpot: {p95: 60ms}", "tpot: {p95: 60ms}\n      network: {p95: 20ms}")
    done = placed.run("plan")

    assert done.exit_code == 0
    assert zones(placed) == {"hall-b"}
    assert "users     oslo 13.8ms  [round trips from distances]" in done.stdout

    add(placed, 'latencies: [{between: [oslo, "local:eu-test"], rtt: 30ms}]\n')
    refused = " ".join(placed.run("plan").stderr.split())
    assert '95% of the requests to "chat" travel for at most 20ms there and back' in refused
    assert "(workloads.chat.sla.network.p95)" in refused


def test_traffic_is_paid_for_and_told(placed: Small) -> None:
    """5 TB an hour at 2 cents a gigabyte."""
    placed.replace("    sla:", "    egress: [{to: internet, per_hour: 5TB}]\n    sla:")
    data = json.loads(placed.run("plan", "-json").stdout)
    text = placed.run("plan").stdout

    assert data["egress_usd_per_h"] == pytest.approx(100.0)
    assert data["workloads"][0]["egress_usd_per_h"] == pytest.approx(100.0)
    assert "and $100.00/h for traffic" in text


def test_traffic_without_a_price_is_a_warning_and_no_machine(placed: Small) -> None:
    """An unknown price is not 0: what cannot be weighed is not chosen."""
    path = placed.folder / "datacenter.yaml"
    path.write_text(path.read_text().replace(", egress: $0.02/GB", ""))
    placed.replace("    sla:", "    egress: [{to: internet, per_hour: 5TB}]\n    sla:")
    done = placed.run("plan")

    assert done.exit_code == 1
    assert "warning: Some prices of traffic are not known" in done.stderr


def test_a_carbon_cap_moves_to_the_clean_grid_and_the_plan_tells_both_sums(placed: Small) -> None:
    """Three machines draw 3 kW; the power of the hall is its limit."""
    free = json.loads(placed.run("plan", "-json").stdout)
    machines = sum(p["machines"] for p in free["pools"])
    add(placed, "constraints: {carbon: 0.1kg/h}\n")
    data = json.loads(placed.run("plan", "-json").stdout)

    assert free["footprint"]["power_w"] == 1000.0 * machines
    assert zones(placed) == {"hall-b"}
    assert data["footprint"]["kgco2_per_h"] == pytest.approx(machines * 1.0 * 1.2 * 0.02)
    assert "CO2e: " in placed.run("plan").stdout


def test_a_hall_without_power_is_told(placed: Small) -> None:
    """The cap's line and the hall's limit both stand in the message, and how much is missing."""
    add(placed, "constraints: {carbon: 0.3kg/h}\n")
    said = " ".join(placed.run("plan", "-var", "load=60/s").stderr.split())

    assert "(constraints.carbon)" in said
    assert "the machines in hall-b draw at most 3 kW" in said
    assert "over the " in said


def test_a_full_hall_in_the_right_country_names_the_residency(placed: Small) -> None:
    """That there are machines abroad is no help, and the line that forbids them takes part in the clash."""
    add(placed, "constraints: {residency: [norway]}\n")
    said = " ".join(placed.run("plan", "-var", "load=60/s").stderr.split())

    assert '"chat" does not leave norway' in said
    assert "(constraints.residency)" in said
