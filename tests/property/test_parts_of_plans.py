"""Whatever part of a plan is made, the state holds together, and the rest leads to the same end."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dcplan.apply.order import order_of
from dcplan.plan.diff import diff
from dcplan.plan.room import Bound, lacking, taking_along
from dcplan.plan.select import after, only, requirements, without
from dcplan.provider.lowering import kinds_on
from dcplan.provider.types import Found, Idempotency, Kind
from dcplan.resources import Action, Address, Resource, ResourceGraph
from dcplan.resources.seats import seats_of

MACHINE = Kind(
    name="machine",
    outputs=("id",),
    replace_on=("size",),
    idempotency=Idempotency.TOKEN,
    token_ttl_s=60.0,
    consistency_window_s=0.0,
    spends_money=False,
)
KINDS = {("local", kind.name): kind for kind in kinds_on(MACHINE).values()}


def at(kind: str, name: str) -> Address:
    """An address of the local provider."""
    return Address("local", kind, name)


@st.composite
def worlds(draw: st.DrawFn) -> dict[Address, Resource]:
    """Machines, replicas of two workloads with a device each, and an endpoint for each workload."""
    resources: list[Resource] = []
    machines = draw(st.lists(st.integers(0, 3), unique=True, min_size=1))
    resources += [
        Resource(address=at("machine", f"m-{i}"), attributes={"size": draw(st.integers(1, 2)), "pool": "p"})
        for i in machines
    ]
    seats = [(machine, device) for machine in machines for device in range(2)]
    taken = draw(st.lists(st.sampled_from(seats), unique=True, max_size=5))
    for workload in ("chat", "emb"):
        mine = [seat for seat in taken if (seat[0] + seat[1] + len(taken)) % 2 == (workload == "chat")]
        replicas = [
            Resource(
                address=at("replica", f"{workload}-{i}"),
                attributes={
                    "workload": workload,
                    "machines": [f"m-{machine}"],
                    "devices": [device],
                    "settings": draw(st.integers(1, 2)),
                },
                needs=(at("machine", f"m-{machine}"),),
            )
            for i, (machine, device) in enumerate(mine)
        ]
        resources += replicas
        if replicas:
            resources.append(
                Resource(
                    address=at("endpoint", workload),
                    attributes={"workload": workload},
                    needs=tuple(r.address for r in replicas),
                )
            )
    return {r.address: r for r in resources}


@st.composite
def cases(
    draw: st.DrawFn,
) -> tuple[dict[Address, Resource], ResourceGraph, dict[Address, Found | None], frozenset[Address]]:
    """What is there, what shall be, what the provider has, and some addresses of either."""
    prior = {a: replace(r, outputs={"id": str(a)}) for a, r in draw(worlds()).items()}
    desired = ResourceGraph.of(draw(worlds()).values())
    gone = draw(st.lists(st.sampled_from(sorted(prior)), max_size=1)) if prior else []
    found = {
        a: None
        if a in gone
        else Found(object_id=str(a), address=a, ready=True, attributes=r.attributes, outputs={})
        for a, r in prior.items()
    }
    names = sorted(prior.keys() | desired.resources.keys())
    return prior, desired, found, frozenset(draw(st.lists(st.sampled_from(names), max_size=3)))


def holds_together(resources: dict[Address, Resource]) -> bool:
    """Whether everything stands on something, and no two things have one device."""
    seats = [seat for r in resources.values() for seat in seats_of(r)]
    return len(seats) == len(set(seats)) and all(
        need in resources for r in resources.values() for need in r.needs
    )


@given(cases())
def test_each_part_holds_together_and_the_rest_leads_to_the_same_end(
    case: tuple[dict[Address, Resource], ResourceGraph, dict[Address, Found | None], frozenset[Address]],
) -> None:
    """After any part nothing stands on nothing, no device is taken twice, and a new plan gives the rest."""
    prior, desired, found, chosen = case
    changes = diff(prior, desired, KINDS, found).changes
    required = requirements(changes)
    for part in (only(changes, chosen), without(changes, chosen)):
        there = {address: r for address, r in prior.items() if found[address] is not None}
        middle = after(there, part)
        addresses = {change.address for change in part}
        lost = {a for a, seen in found.items() if seen is None and a not in addresses}

        assert all(required[address] <= addresses for address in addresses)
        assert [change for change in changes if change.address in addresses] == list(part)
        assert all(step.address in addresses for step in order_of(part))
        if not lost:
            assert holds_together(middle)
        rest = diff(middle, desired, KINDS).changes
        end = after(middle, rest)
        assert {a: r.attributes for a, r in end.items()} == {
            a: r.attributes for a, r in desired.resources.items()
        }
        assert {c.address for c in rest if c.action is not Action.UPDATE} <= {c.address for c in changes}


@given(cases())
def test_a_target_is_taken_and_what_is_excluded_is_not(
    case: tuple[dict[Address, Resource], ResourceGraph, dict[Address, Found | None], frozenset[Address]],
) -> None:
    """-target takes what is named; -exclude leaves that, and takes all that can do without it."""
    prior, desired, found, chosen = case
    changes = diff(prior, desired, KINDS, found).changes
    named = {change.address for change in changes} & chosen
    taken = {change.address for change in only(changes, chosen)}
    kept = {change.address for change in without(changes, chosen)}
    required = requirements(changes)

    assert named <= taken
    assert not named & kept
    for change in changes:
        if change.address not in kept | named:
            assert required[change.address] - kept


@given(cases())
def test_a_part_has_room_for_what_it_makes(
    case: tuple[dict[Address, Resource], ResourceGraph, dict[Address, Found | None], frozenset[Address]],
) -> None:
    """Where all fit before and after the whole, they fit after the part with what it takes along."""
    prior, desired, found, chosen = case
    changes = diff(prior, desired, KINDS, found).changes
    most = max(sum("pool" in r.attributes for r in side.values()) for side in (prior, desired.resources))
    bounds = (Bound(within="p", each={"p": 1}, at_most=most),)
    bare = only(changes, chosen)
    part, told = taking_along(changes, bare, prior, bounds)
    required = requirements(changes)
    addresses = {change.address for change in part}
    fits = sum("pool" in r.attributes for r in after(prior, bare).values()) <= most

    assert sum("pool" in r.attributes for r in after(prior, part).values()) <= most
    assert fits == (part == bare) == (not told) == (not lacking(changes, bare, prior, bounds))
    assert all(required[address] <= addresses for address in addresses)
    assert {Address.parse(a) for one in told for a in one.frees} <= addresses - {c.address for c in bare}
