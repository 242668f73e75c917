"""All machines together emit and draw no more than their caps; sites give no more power than they have."""

from __future__ import annotations

from dataclasses import replace

from dcplan.placement import Problem, Workload, solve
from dcplan.placement.place_types import CapRule, SiteRule
from dcplan.placement.verify import violations
from placement_problems import choice, origins, pool

CARBON, POWER = ("constraints", "carbon"), ("constraints", "power")


def problem(
    *, carbon: float | None = None, power: float | None = None, site: float | None = None, clean: int = 9
) -> Problem:
    """Three replicas: cheap machines on a dirty grid, dear ones on a clean one, others unmeasured."""
    return Problem(
        workloads=(Workload(name="chat", origin=("workloads", "chat")),),
        pools=(
            pool("clean", usd_per_h=3.0, power_w=12e3, kgco2_per_h=0.2, machines=clean),
            pool("dirty", usd_per_h=1.0, power_w=10e3, kgco2_per_h=4.1),
            pool("unknown", usd_per_h=0.5),
        ),
        choices=(choice("chat", ("clean", "dirty", "unknown"), 3),),
        carbon=None if carbon is None else CapRule(at_most=carbon, origin=CARBON),
        power=None if power is None else CapRule(at_most=power, origin=POWER),
        sites=() if site is None else (SiteRule(site="hall", pools=frozenset({"dirty"}), watts=site),),
    )


def places(asked: Problem) -> dict[str, int]:
    """Machines by pool."""
    return {use.pool: use.machines for use in solve(asked).unwrap().pools}


def test_a_carbon_cap_moves_machines_to_the_clean_grid() -> None:
    """As many as the cap allows stay where they are cheap; what is unknown counts as too much."""
    assert places(problem()) == {"unknown": 3}
    assert places(problem(carbon=12.3)) == {"dirty": 3}
    assert places(problem(carbon=12.2)) == {"clean": 1, "dirty": 2}
    assert places(problem(carbon=0.6)) == {"clean": 3}


def test_a_power_cap_counts_watts() -> None:
    """Machines are counted by what they draw."""
    assert places(problem(power=30e3)) == {"dirty": 3}
    assert places(problem(power=36e3, carbon=5.0)) == {"clean": 2, "dirty": 1}


def test_a_site_gives_only_the_power_that_it_has() -> None:
    """Machines beyond a hall's limit stand elsewhere."""
    assert places(replace(problem(site=25e3, carbon=20.0))) == {"clean": 1, "dirty": 2}


def test_too_much_carbon() -> None:
    """The cap's line comes first, and the least that is missing is told."""
    asked = problem(carbon=4.0, clean=2)
    [diagnostic] = solve(asked).diagnostics

    assert origins(asked)[0] == CARBON
    assert "all machines together emit at most 4 kg/h of CO2e" in diagnostic.detail
    assert "0.50 kg/h of CO2e over the cap of 4 kg/h" in diagnostic.detail
    assert "what machines in unknown take is not known, so they are not used" in diagnostic.detail


def test_too_much_power() -> None:
    """The cap on power is told in kilowatts."""
    [diagnostic] = solve(problem(power=29e3)).diagnostics

    assert origins(problem(power=29e3))[0] == POWER
    assert "1 kW over the cap of 29 kW" in diagnostic.detail


def test_too_much_power_in_a_site() -> None:
    """A limit of the inventory has no line of the document, but its name and what is missing are told."""
    asked = problem(site=19e3, carbon=20.0, clean=1)
    [diagnostic] = solve(asked).diagnostics

    assert "the machines in hall draw at most 19 kW" in diagnostic.detail
    assert "1 kW over the limit of hall" in diagnostic.detail


def test_the_check_sees_machines_over_the_caps() -> None:
    """A solution over a cap is noticed without the model."""
    free = solve(replace(problem(), pools=problem().pools[:2])).unwrap()
    capped = problem(carbon=12.0, power=29e3, site=29e3)

    found = violations(capped, free)

    assert "12.3 kg of CO2e an hour is over the cap of 12" in found
    assert "30000 W is over the cap of 29000" in found
    assert "30000 W in hall is over the cap of 29000" in found
