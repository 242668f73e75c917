"""No law of placement without a test of its own, and none without everything tried."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from dcplan.placement.laws import CONSTRAINTS

TESTS = Path(__file__).parents[2]

PLAIN = ("solver", "test_solver_equals_brute_force")
BESIDE = ("solver", "test_parts_beside_cost_what_brute_force_says")
UPLINKS = ("solver", "test_gangs_that_share_uplinks_cost_what_brute_force_says")
GOALS = ("goals", "test_solver_equals_brute_force")
PLACES = ("places", "test_rules_of_places_equal_brute_force")
PURCHASES = ("purchases", "test_solver_equals_brute_force_on_purchases")
FLEETS = ("fleets", "test_mixed_fleets_equal_brute_force")
STANDBY = ("seated_gangs", "test_machines_that_stand_by_cost_what_brute_force_says")
DOMAINS = ("seated_gangs", "test_groups_in_scale_up_domains_cost_what_brute_force_says")

COVERED: dict[str, tuple[tuple[tuple[str, str], ...], tuple[str, ...]]] = {
    "every_workload_runs": ((PLAIN, GOALS), ("demand", "required")),
    "a_choice_brings_all_its_replicas": ((PLAIN, PURCHASES), ("demand",)),
    "mixed_fleets": ((FLEETS,), ("mixed_fleets",)),
    "parts_beside": ((BESIDE, STANDBY), ("beside", "standby")),
    "shared_machines_hold_their_replicas": ((PLAIN,), ("pool_capacity",)),
    "pool_capacity": ((PLAIN, PLACES), ("pool_capacity",)),
    "one_pool": ((PLAIN, STANDBY), ("one_pool",)),
    "rack_room": ((PLAIN,), ("rack_room",)),
    "scale_up_domain": ((PLAIN, DOMAINS), ("scale_up_domain",)),
    "cut_bandwidth": ((PLAIN, UPLINKS), ("cut_bandwidth",)),
    "spread": ((PLAIN, FLEETS), ("spread",)),
    "affinity": ((PLAIN,), ("affinity",)),
    "spot_share": ((PLAIN, FLEETS), ("spot_share",)),
    "pins": ((GOALS,), ("pins",)),
    "stays": ((GOALS,), ("pins",)),
    "max_moves": ((GOALS,), ("max_moves",)),
    "ceilings": ((GOALS,), ("ceilings",)),
    "carbon_is_known": ((GOALS,), ("carbon_is_known",)),
    "survive": ((PURCHASES, FLEETS), ("survive",)),
    "purchase_window": ((PURCHASES,), ("purchase_window",)),
    "quotas": ((PURCHASES, STANDBY), ("quotas",)),
    "residency": ((PLACES,), ("residency",)),
    "network": ((PLACES,), ("network",)),
    "carbon": ((PLACES,), ("caps",)),
    "power": ((PLACES,), ("caps",)),
    "site_power": ((PLACES,), ("caps",)),
    "budget": ((PLAIN, PLACES), ("budget",)),
}
"""Of each law: where everything is tried with it (file, test), and the files of ``tests/constraints``."""


def names_in(file: Path) -> set[str]:
    """The names of the tests of a file; none where there is no such file."""
    if not file.exists():
        return set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {
        node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_each_law_is_in_the_table() -> None:
    """A new law needs a brute-force test that knows it, a file of its own, and its line above."""
    assert set(COVERED) == {law.__name__ for law in CONSTRAINTS}


@pytest.mark.parametrize("law", sorted(COVERED))
def test_the_tests_of_each_law_are_there(law: str) -> None:
    """At least one test that tries everything, and one file that shows the law hold and be named."""
    brute, own = COVERED[law]

    assert brute
    assert own
    for file, test in brute:
        assert test in names_in(
            TESTS / "property" / f"test_{file}_equal{'s' if file == 'solver' else ''}_brute_force.py"
        )
    for file in own:
        assert names_in(TESTS / "constraints" / f"test_{file}.py")
