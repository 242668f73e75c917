"""What cannot be had is refused with the lines that ask for it and with how much is missing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.e2e.conftest import Small


def refusal(small: Small, *arguments: str) -> str:
    """What plan and apply say of it, on one line; they say the same, end with 1 and write nothing."""
    planned, applied = small.run("plan", *arguments), small.run("apply", "-auto-approve", *arguments)

    assert (planned.exit_code, planned.stdout) == (1, "")
    assert (applied.exit_code, applied.stdout) == (1, "")
    assert applied.stderr == planned.stderr
    assert not small.touched()
    return " ".join(planned.stderr.split())


def line_of(small: Small, text: str) -> int:
    """The number of the line of the document that holds ``text``."""
    lines = (small.folder / "dcplan.yaml").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


def test_an_impossible_ttft_names_its_line_and_the_shortage(small: Small) -> None:
    """The bound's place, the fastest that can be had, and how much it is too slow."""
    text = refusal(small, "-var", "ttft=1ms")

    assert "error: No layout is fast enough" in text
    assert f"dcplan.yaml:{line_of(small, 'ttft: {p95')}:" in text
    assert "(workloads.chat.sla.ttft.p95)" in text
    assert re.search(r"the bound is 1ms: \d+(\.\d+)?ms short", text)


def test_an_impossible_tpot_names_its_line_too(small: Small) -> None:
    """Not only the time to the first token: also each further one."""
    small.replace("tpot: {p95: 60ms}", "tpot: {p95: 1ms}")
    text = refusal(small)

    assert f"dcplan.yaml:{line_of(small, 'tpot: {p95')}:" in text
    assert re.search(r"the bound is 1ms: \d+(\.\d+)?ms short", text)


def test_every_workload_that_cannot_be_fast_enough_is_told(small: Small) -> None:
    """Two impossible workloads are two errors in one run."""
    path = small.folder / "dcplan.yaml"
    text = path.read_text().replace('"${var.ttft}"', "1ms")
    path.write_text(text + text[text.index("  chat:") :].replace("chat", "talk"))
    said = refusal(small)

    assert said.count("error: No layout is fast enough") == 2
    assert "(workloads.chat.sla.ttft.p95)" in said
    assert "(workloads.talk.sla.ttft.p95)" in said
    assert said.endswith("2 errors.")


def test_too_little_capacity_says_how_many_machines_are_short(small: Small) -> None:
    """A load for hundreds of machines where twelve stand."""
    text = refusal(small, "-var", "load=3000/s")

    assert "error: No placement satisfies every rule" in text
    assert f"dcplan.yaml:{line_of(small, '  chat:')}:3 (workloads.chat)" in text
    assert re.search(r"\d+ machines short in pool hall-[ab]/main/l40sx2", text)


def test_too_small_a_budget_names_its_line_and_the_dollars(small: Small) -> None:
    """The budget's place, and how far the cheapest placement is above it."""
    cost = small.data("plan")["usd_per_h"]
    path = small.folder / "dcplan.yaml"
    path.write_text(path.read_text() + "constraints:\n  budget: $1.50/h\n")
    text = refusal(small)

    assert f"dcplan.yaml:{line_of(small, 'budget')}:11 (constraints.budget)" in text
    assert f"${cost - 1.5:.2f}/h over the budget of $1.50/h" in text


@pytest.mark.parametrize(
    ("key", "value", "there"),
    [("regions", "us-nowhere", "eu-test"), ("zones", "hall-z", "hall-b"), ("accelerators", "B200", "L40S")],
)
def test_places_and_chips_that_nobody_offers_are_named(
    small: Small, key: str, value: str, there: str
) -> None:
    """A constraint that leaves no machine: its place, what was asked for, and what there is."""
    path = small.folder / "dcplan.yaml"
    path.write_text(path.read_text() + f"constraints:\n  {key}: [{value}]\n")
    text = refusal(small)

    assert f"dcplan.yaml:{line_of(small, key)}:" in text
    assert value in text
    assert there in text


def test_a_model_too_large_for_every_machine_says_by_how_much(small: Small) -> None:
    """The memory of the fullest device against what the chip has."""
    small.replace("llama-3.1-8b", "deepseek-v3")
    text = refusal(small)

    assert "error: The model fits on no machine" in text
    assert "(workloads.chat" in text
    assert re.search(r"L40S has [\d.]+ GiB: [\d.]+ [GT]iB short", text)


def test_a_spread_that_one_zone_cannot_give_is_refused(small: Small) -> None:
    """Three zones are asked for where two are."""
    path = small.folder / "dcplan.yaml"
    path.write_text(path.read_text() + "    constraints:\n      spread: {over: zone, at_least: 3}\n")
    text = refusal(small)

    assert "dcplan.yaml:" in text
    assert f":{line_of(small, 'spread')}:" in text


def test_an_impossible_wish_leaves_what_runs_alone(applied: Small) -> None:
    """After an apply the same errors change nothing of world and state."""
    before = applied.objects()
    done = applied.run("apply", "-auto-approve", "-var", "ttft=1ms")

    assert done.exit_code == 1
    assert applied.objects() == before == applied.known()


def test_a_line_that_leaves_out_the_machines_that_are_short_is_named(small: Small) -> None:
    """One hall of two is allowed, and the load needs both."""
    path = small.folder / "dcplan.yaml"
    path.write_text(path.read_text() + "    constraints:\n      zones: [hall-a]\n")
    text = refusal(small, "-var", "load=100/s")

    assert f"dcplan.yaml:{line_of(small, 'zones')}:" in text
    assert 'Only hall-a may be used for "chat". With 1 more pool that this line leaves out' in text


def test_two_workloads_that_cannot_be_placed_are_told_in_one_run(small: Small) -> None:
    """One asks for more zones than there are, the other for more machines."""
    path = small.folder / "dcplan.yaml"
    text = path.read_text()
    chat = text[text.index("  chat:") :]
    talk = chat.replace("chat", "talk").replace("${var.load}", "3000/s")
    path.write_text(f"{text}    constraints:\n      spread: {{over: zone, at_least: 3}}\n{talk}")
    said = refusal(small)

    assert said.count("error: No placement satisfies every rule") == 2
    assert f"dcplan.yaml:{line_of(small, 'spread')}:" in said
    assert f"dcplan.yaml:{line_of(small, '  talk:')}:" in said
    assert re.search(r"\d+ machines short in pool hall-[ab]/main/l40sx2", said)
    assert said.endswith("2 errors.")
