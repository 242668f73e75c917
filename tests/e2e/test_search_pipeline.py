"""``dcplan search pipeline``: layers over unlike machines."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dcplan.cli.main import cli

MIXED = ("llama-3.1-70b", "-on", "h100x1:2,l40sx1:8,A100-40x1:3", "-latency-cap", "200ms")


def dcplan(*arguments: str) -> Result:
    """One command in this process; exit codes are as in a shell."""
    return CliRunner().invoke(cli, ["search", "pipeline", *arguments])


@cache
def data_of(*arguments: str) -> Any:
    """What a command that goes well answers programs."""
    done = dcplan(*arguments, "-json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def codes(done: Result) -> list[str]:
    """Of the diagnostics of a command that prints JSON."""
    return [one["code"] for one in json.loads(done.stdout)["diagnostics"]]


def test_machines_that_cannot_serve_alone_serve_together() -> None:
    """Stages hold all layers once within the cap, use no more machines than there are, and keep the bound."""
    found = data_of(*MIXED)
    plan = found["found"]["plan"]
    stages = plan["stages"]
    used: dict[str, int] = {}
    for stage in stages:
        for share in stage["shares"]:
            used[share["kind"]] = used.get(share["kind"], 0) + share["machines"]
    there = {one["name"]: one["machines"] for one in found["machines"]}
    slowest = [sum(s["machines"] * s["holding"]["tokens_per_s"] for s in one["shares"]) for one in stages]

    assert sum(stage["layers"] for stage in stages) == found["layers"] == 80
    assert all(count <= there[name] for name, count in used.items())
    assert plan["tokens_per_s"] == pytest.approx(min(slowest))
    assert plan["latency_s"] <= 0.2
    assert plan["tokens_per_s"] <= found["found"]["bound_tokens_per_s"] <= plan["tokens_per_s"] * 1.01
    assert found["apart"]["L40Sx1"] is None
    assert plan["tokens_per_s"] > sum(rate or 0 for rate in found["apart"].values())
    assert found["basis"] in {"measured", "calibrated", "roofline", "assumed"}


def test_people_read_the_same_as_programs() -> None:
    """Stages, rate, bound and what the kinds do by themselves are shown."""
    shown = dcplan(*MIXED).stdout
    rate = data_of(*MIXED)["found"]["plan"]["tokens_per_s"]

    assert f"{rate:,.0f} output tokens/s" in shown
    assert "No pipeline of stages carries more than" in shown
    assert "times as much" in shown
    assert "0-17" in shown


def test_a_tighter_cap_never_carries_more() -> None:
    """Throughput falls with the time that a token may take, until nothing is left."""
    rates = [
        data_of("llama-3.1-70b", "-on", "H100x4:2,L40Sx8", "-latency-cap", cap)["found"]["plan"][
            "tokens_per_s"
        ]
        for cap in ("200ms", "40ms")
    ]
    nothing = dcplan("llama-3.1-70b", "-on", "H100x4:2,L40Sx8", "-latency-cap", "1ms", "-json")

    assert rates == sorted(rates, reverse=True)
    assert nothing.exit_code == 1
    assert codes(nothing) == ["cap-too-tight"] or codes(nothing) == ["layers-do-not-fit"]


@pytest.mark.parametrize(
    ("hardware", "code"),
    [
        ("H100x8:2,,L40S", "wrong-machines"),
        ("H100x8:0", "wrong-machines"),
        ("H100x0:1", "wrong-machines"),
        ("H100x64:1", "wrong-machines"),
        ("H100x8:2,h100x8:3", "wrong-machines"),
        ("H101x8:2", "unknown-hardware"),
        ("L4x1:2", "layers-do-not-fit"),
        ("H100x7:2", "wrong-machines-or-layout"),
    ],
)
def test_machines_that_make_no_sense_are_told(hardware: str, code: str) -> None:
    """Each sort of nonsense has its code, and exit code 1."""
    done = dcplan("llama-3.1-70b", "-on", hardware, "-json")

    assert done.exit_code == 1
    assert set(codes(done)) == {"no-layout"} if code == "wrong-machines-or-layout" else {code}


def test_layers_that_differ_are_warned_of() -> None:
    """The first layers of DeepSeek-V3 have no experts: a share of the layers is not one of the time."""
    done = dcplan("deepseek-v3", "-on", "H200x8:2", "-json")

    assert done.exit_code == 0
    assert codes(done) == ["unlike-layers"]
    assert data_of(*MIXED)["diagnostics"] == []


def test_a_framework_that_trains_is_no_engine() -> None:
    """The diagnostic lists the engines."""
    done = dcplan("llama-3.1-8b", "-on", "H100x1:2", "-engine", "megatron", "-json")

    assert codes(done) == ["unknown-engine"]


def test_all_that_is_wrong_is_told_at_once() -> None:
    """An unknown model and an unknown accelerator, together."""
    done = dcplan("llama-3.1-7b", "-on", "H101x8", "-json")

    assert codes(done) == ["unknown-model"] or set(codes(done)) == {"unknown-model", "unknown-hardware"}
