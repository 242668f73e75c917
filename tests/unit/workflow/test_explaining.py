"""What an explanation says of the front."""

from __future__ import annotations

from asked import TABLE, chat, known, machine_class, pretrain
from dcplan.sharding import Candidate, search
from dcplan.workflow.explaining import front_of


def priced(*names: str) -> list[tuple[Candidate, float]]:
    """Serving candidates at a dollar for a device and hour."""
    found, _ = search(chat(), known("llama-3.1-8b"), [machine_class(n) for n in names], TABLE).unwrap()
    return [(one, float(one.replicas * one.devices)) for one in found]


def test_the_front_holds_the_cheapest_the_fastest_and_the_roomiest() -> None:
    """The best in each of the three is on the front, and not everything is."""
    offers = priced("p5.48xlarge", "p4de.24xlarge", "g6.48xlarge")
    front = front_of(offers)
    least = min(usd for _, usd in offers)

    assert any(one.id in front for one, usd in offers if usd == least)
    assert min(offers, key=lambda offer: offer[0].sla_share or 9.0)[0].id in front
    assert max(offers, key=lambda offer: offer[0].memory_slack_bytes or 0.0)[0].id in front
    assert len(front) < len(offers)


def test_a_job_costs_what_it_costs_altogether() -> None:
    """Of jobs at equal prices an hour the one that is done sooner is cheaper, and beats a slower one."""
    found, _ = search(pretrain(), known("llama-3.1-8b"), [machine_class("p5.48xlarge")], TABLE).unwrap()
    fastest = min(found, key=lambda one: one.time_s or 0.0)
    slower = [one for one in found if (one.memory_slack_bytes or 0.0) < (fastest.memory_slack_bytes or 0.0)]

    assert fastest.id in front_of([(one, 1.0) for one in found])
    assert not front_of([(one, 1.0) for one in found]) & {one.id for one in slower}


def test_of_nothing_there_is_no_front() -> None:
    """Without candidates no one is on the front."""
    assert front_of([]) == frozenset()
