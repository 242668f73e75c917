"""Conditions in CEL: what holds, what is not known, and what cannot be asked."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from dcplan.config.expressions import Verdict, ask, check_condition

VALUES: dict[str, Any] = {
    "plan": {"usd_per_h": 12.5, "machines": 3, "power_w": None, "regions": ["eu-a", "eu-b"], "project": "p"},
    "workloads": {"chat": {"replicas": 2, "usd_per_h": None}, "chat-eu": {"replicas": 1, "usd_per_h": 4.0}},
}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("plan.usd_per_h < 100", Verdict.HOLDS),
        ("plan.usd_per_h < 12.5", Verdict.FAILS),
        ('workloads["chat-eu"].replicas == 1', Verdict.HOLDS),
        ("workloads.all(w, workloads[w].replicas >= 2)", Verdict.FAILS),
        ('plan.regions.exists(r, r.startsWith("us"))', Verdict.FAILS),
        ("plan.power_w < 1000.0", Verdict.UNKNOWN),
        ("plan.power_w == null", Verdict.HOLDS),
        ("workloads.chat.usd_per_h < 5.0", Verdict.UNKNOWN),
        ("plan.machines > 1 || plan.power_w < 1.0", Verdict.HOLDS),
        ("plan.machines", Verdict.WRONG),
        ('plan.machines < "a"', Verdict.WRONG),
        ("plan.machines / 0 > 1", Verdict.WRONG),
        ("workloads.other.replicas > 1", Verdict.WRONG),
    ],
)
def test_a_condition_has_one_of_four_answers(text: str, verdict: Verdict) -> None:
    """What is not known is never taken for 0, and what cannot be compared says why."""
    answer = ask(text, VALUES)

    assert answer.verdict is verdict
    assert bool(answer.why) is (verdict in {Verdict.UNKNOWN, Verdict.WRONG})


def test_what_is_known_later_waits() -> None:
    """Whatever else it asks; the text "endpoint" alone is no reason to wait."""
    waits = ask('has(plan.endpoint) && plan.endpoint == "x"', VALUES, {"endpoint"})

    assert waits.verdict is Verdict.UNKNOWN
    assert "endpoint is known after apply" in waits.why
    assert ask('plan.project != "a.endpoint"', VALUES, {"endpoint"}).verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    "text",
    [
        "plan.regions.all(machines, machines.size() > 1)",
        'plan.project == "workload.nothing"',
        "has(plan.usd_per_h)",
        "workloads.chat.replicas > 1",
        "workloads.exists(w, workloads[w].replicas > 1)",
    ],
)
def test_sound_conditions_are_not_complained_of(text: str) -> None:
    """Names bound by macros, texts and keys are no unknown names."""
    names = {"plan": {"usd_per_h", "regions", "project"}, "workloads": {"chat"}}

    assert check_condition(text, ("checks", 0, "assert"), names, {"workloads": {"replicas"}}) == []


def test_without_the_library_the_way_to_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an extra."""
    monkeypatch.setitem(sys.modules, "cel", None)
    (said,) = check_condition("true", ("checks", 0, "assert"), {}, {})

    assert said.code == "condition-library"
    assert "pip install 'dcplan[policy]'" in said.detail
    assert ask("true", {}).verdict is Verdict.WRONG
