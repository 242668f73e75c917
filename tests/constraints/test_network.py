"""Enough of the users find a replica that is near enough."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.placement import Allotment, Problem, Workload, solve
from dcplan.placement.place_types import NetworkRule, Users
from dcplan.placement.verify import violations
from placement_problems import choice, origins, pool

RULE = ("workloads", "chat", "sla", "network", "p95")


def problem(
    *, quantile: float = 0.95, bound_s: float = 0.05, west: float = 0.5, replicas: int = 4
) -> Problem:
    """Machines in the east for little and in the west for more; users on both sides, far from each other."""
    users = (
        Users(place="berlin", share=1 - west, rtt_s={"east": 0.02, "west": 0.12}),
        Users(place="boston", share=west, rtt_s={"east": 0.11, "west": 0.03}),
    )
    bound = NetworkRule(quantile=quantile, bound_s=bound_s, origin=RULE)
    chat = Workload(name="chat", origin=("workloads", "chat"), users=users, network=(bound,))
    return Problem(
        workloads=(chat,),
        pools=(pool("east", usd_per_h=1.0), pool("west", usd_per_h=3.0), pool("unknown", usd_per_h=0.5)),
        choices=(choice("chat", ("east", "west", "unknown"), replicas),),
    )


def places(asked: Problem) -> dict[str, int]:
    """Replicas by pool."""
    return {a.pool: a.replicas for a in solve(asked).unwrap().allotments}


@pytest.mark.parametrize(
    ("west", "quantile", "expected"),
    [
        (0.5, 0.95, {"east": 2, "west": 2}),
        (0.25, 0.95, {"east": 3, "west": 1}),
        (0.25, 0.5, {"east": 2, "unknown": 2}),
        (0.02, 0.95, {"east": 4}),
    ],
)
def test_replicas_go_where_the_users_are(west: float, quantile: float, expected: dict[str, int]) -> None:
    """As many as the share of requests that must be near asks for, and no more where they are dear."""
    assert places(problem(west=west, quantile=quantile)) == expected


def test_a_wide_bound_lets_the_cheapest_place_serve_all() -> None:
    """A round trip that is long enough is kept from anywhere; an unknown one never is."""
    assert places(problem(bound_s=0.2)) == {"east": 4}


def test_two_bounds_share_the_replicas() -> None:
    """What counts for the tight bound is not served twice under the loose one."""
    asked = problem(quantile=0.5, bound_s=0.05, west=0.5, replicas=2)
    [chat] = asked.workloads
    loose = NetworkRule(quantile=0.99, bound_s=0.2, origin=RULE)
    both = replace(asked, workloads=(replace(chat, network=(*chat.network, loose)),))

    assert places(both) == {"east": 2}


def test_no_machines_are_near_enough() -> None:
    """The line of the bound comes first, with the share of requests and the round trip."""
    [diagnostic] = solve(problem(bound_s=0.01)).diagnostics

    assert origins(problem(bound_s=0.01)) == (RULE, ("workloads", "chat"))
    assert '95% of the requests to "chat" travel for at most 10ms there and back' in diagnostic.detail


def test_the_check_sees_far_replicas() -> None:
    """A solution whose users are far away is noticed without the model."""
    asked = problem()
    far = Allotment(workload="chat", choice="chat-way", pool="east", replicas=4)

    found = violations(asked, replace(solve(asked).unwrap(), allotments=(far,)))

    assert "chat answers 50.0% of its users within 0.05 s" in found
