"""Reading the data files."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from dcplan.catalog import Purchase, canonical_accelerator, load_accelerators, load_offerings
from dcplan.catalog.load import Entry


@pytest.mark.parametrize(
    ("spelling", "canonical"),
    [
        ("H100", "H100"),
        ("h100", "H100"),
        ("H100-80GB", "H100"),
        ("A100-80GB", "A100-80"),
        ("tpu-v5p", "TPU-v5p"),
        ("v5litepod", "TPU-v5e"),
        ("TPU-v7x", "TPU7x"),
        ("RTX-PRO-6000-SE", "RTX-PRO-6000"),
    ],
)
def test_spellings_lead_to_one_name(spelling: str, canonical: str) -> None:
    """Aliases and case do not matter."""
    assert canonical == canonical_accelerator(spelling)


@pytest.mark.parametrize("name", ["A100", "H1000", "TPU", ""])
def test_a_stranger_has_no_name(name: str) -> None:
    """A name that is wrong, or that two chips share, is not guessed at."""
    assert canonical_accelerator(name) is None


def test_callers_cannot_change_the_catalogue() -> None:
    """Each call gives a dict of its own."""
    load_accelerators().clear()

    assert "H100" in load_accelerators()


@pytest.mark.parametrize("provider", ["aws", "gcp"])
def test_offerings_load_quickly(provider: str) -> None:
    """One provider's offerings cost at most 0.15 s of CPU time."""
    spent_s = []
    for _ in range(3):
        start = time.process_time()
        load_offerings(provider)
        spent_s.append(time.process_time() - start)

    assert min(spent_s) <= 0.15


def test_the_room_costs_neither_yaml_nor_pydantic() -> None:
    """Importing the room leaves out what only reading files and documents needs."""
    script = (
        "import sys, dcplan.catalog; print([m for m in ('yaml', 'pydantic', 'numpy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({}, "memory_gib is missing"),
        ({"memory_gib": 0}, "not a number above 0"),
        ({"memory_gib": "80"}, "not a number above 0"),
        ({"memory_gib": True}, "not a number above 0"),
    ],
)
def test_a_wrong_number_in_our_own_data_is_our_bug(fields: dict[str, object], complaint: str) -> None:
    """What is missing, zero or no number raises with its place and says whose fault it is."""
    entry = Entry("accelerators.yaml", "H100", fields)

    with pytest.raises(RuntimeError, match=rf"accelerators.yaml, H100: .*{complaint}.*bug in dcplan"):
        entry.positive("memory_gib")


def test_an_unquoted_date_in_our_own_data_is_our_bug() -> None:
    """YAML 1.1 makes other things than strings of dates, which is noticed."""
    with pytest.raises(RuntimeError, match="date is 2026, not a string"):
        Entry("machines/aws.yaml", "p5.48xlarge", {"source": "EC2", "date": 2026}).source()


def test_a_local_zone_does_not_have_the_price_of_its_region() -> None:
    """Local Zones have prices of their own, which are not known here; unknown is None."""
    prices = {
        o.zone: o.usd_per_h
        for o in load_offerings("aws")
        if o.machine == "p5.48xlarge" and o.region == "us-east-1" and o.purchase is Purchase.ON_DEMAND
    }

    assert prices["use1-atl2-az1"] is None
    assert prices["use1-az1"] == 55.04
