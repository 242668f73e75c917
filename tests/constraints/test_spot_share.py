"""At most a share of a workload's replicas runs on spot machines."""

from __future__ import annotations

from dataclasses import replace

from dcplan.placement import Choice, Pool, Problem, SpotRule, Workload, solve


def pool(
    name: str, *, zone: str = "z0", machines: int | None = None, usd_per_h: float = 1.0, spot: bool = False
) -> Pool:
    """A pool of machines with eight devices."""
    return Pool(
        id=name,
        provider="x",
        region=zone.split("-", maxsplit=1)[0],
        zone=zone,
        machine="m",
        accelerator="a",
        devices=8,
        machines=machines,
        usd_per_h=usd_per_h,
        spot=spot,
    )


def choice(workload: str, pools: tuple[str, ...], replicas: int, **more: object) -> Choice:
    """A choice of whole machines, one for each replica."""
    plain = Choice(
        id=f"{workload}-way",
        workload=workload,
        pools=pools,
        replicas=replicas,
        devices=8,
        machines=1,
        hours=10.0,
    )
    return replace(plain, **more)  # type: ignore[arg-type]


def origins(problem: Problem) -> tuple[object, ...]:
    """The lines that the explanation of an infeasible problem names, the first first."""
    [diagnostic] = solve(problem).diagnostics
    return (diagnostic.path, *(note.path for note in diagnostic.related))


RULE = ("workloads", "chat", "constraints", "spot_share")


def problem(share: float, *, replicas: int = 10, dear: int | None = None, written: bool = True) -> Problem:
    """Cheap spot machines, dear ones on demand."""
    rule = SpotRule(share=share, origin=RULE if written else None)
    chat = Workload(name="chat", origin=("workloads", "chat"), spot=rule)
    pools = (pool("spot", spot=True), pool("dear", machines=dear, usd_per_h=3.0))
    return Problem(workloads=(chat,), pools=pools, choices=(choice("chat", ("spot", "dear"), replicas),))


def on_spot(problem: Problem) -> int:
    """Replicas on spot machines."""
    return sum(a.replicas for a in solve(problem).unwrap().allotments if a.pool == "spot")


def test_the_share_rounds_down() -> None:
    """29 % of 100 replicas are 29 (not 28, as binary fractions have it); a third of ten is three."""
    assert on_spot(problem(0.29, replicas=100)) == 29
    assert on_spot(problem(0.333)) == 3
    assert on_spot(problem(0.0)) == 0
    assert on_spot(problem(1.0)) == 10


def test_too_few_machines_on_demand() -> None:
    """The share's own line comes first, and what is short names replicas or machines."""
    tight = problem(0.5, dear=4)
    [diagnostic] = solve(tight).diagnostics

    assert origins(tight) == (RULE, ("workloads", "chat"))
    assert 'at most 50 % of the replicas of "chat"' in diagnostic.detail
    assert "1 replica of" in diagnostic.detail or "1 machine short in pool dear" in diagnostic.detail


def test_a_rule_that_nobody_wrote_has_no_line() -> None:
    """Without a word on spot, the explanation says so but points at the workload."""
    tight = problem(0.0, dear=4, written=False)
    [diagnostic] = solve(tight).diagnostics

    assert origins(tight) == (("workloads", "chat"),)
    assert 'none of the replicas of "chat" runs on spot machines' in diagnostic.detail
