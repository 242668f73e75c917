"""Every workload runs, in one of its ways, with all its replicas."""

from __future__ import annotations

from dcplan.placement import Problem, Workload, solve
from placement_problems import choice, pool

CHAT = Workload(name="chat", origin=("workloads", "chat"))


def test_all_replicas_run_in_one_way() -> None:
    """Of two ways the cheaper is taken, with all its replicas and none of the other's."""
    many = choice("chat", ("p", "q"), 5, id="many")
    few = choice("chat", ("p", "q"), 3, id="few")
    problem = Problem(
        workloads=(CHAT,), pools=(pool("p", machines=2), pool("q", machines=2)), choices=(many, few)
    )

    allotments = solve(problem).unwrap().allotments

    assert {a.choice for a in allotments} == {"few"}
    assert sum(a.replicas for a in allotments) == 3


def test_without_a_way_nothing_runs() -> None:
    """A workload whose replicas fit on no machine is named, with its own line."""
    large = choice("chat", ("p",), 1, devices=16, machines=0)
    [diagnostic] = solve(Problem(workloads=(CHAT,), pools=(pool("p"),), choices=(large,))).diagnostics

    assert diagnostic.code == "no-placement"
    assert diagnostic.path == ("workloads", "chat")
    assert '"chat" has no choice that fits on any machine on offer' in diagnostic.detail
