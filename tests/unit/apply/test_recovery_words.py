"""What recovery says it will do, and that it does this with few looks and no order too many."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from apply_bench import Bench, a_resource, create
from dcplan.apply import ApplyOptions, Way, describe_open
from dcplan.apply.sightings import Sightings
from dcplan.provider.errors import Ambiguous
from dcplan.provider.types import request_of
from dcplan.resources import Action
from dcplan.state import Phase

WAYS = [
    ("token", Action.CREATE, Phase.ACK, 0.0, Way.WAIT),
    ("token", Action.CREATE, Phase.INTENT, 0.0, Way.REPLAY),
    ("token", Action.CREATE, Phase.INTENT, 4000.0, Way.LOOK),
    ("tag", Action.CREATE, Phase.INTENT, 0.0, Way.LOOK),
    ("block", Action.CREATE, Phase.INTENT, 0.0, Way.ASK),
    ("block", Action.UPDATE, Phase.INTENT, 0.0, Way.ASK),
    ("tag", Action.UPDATE, Phase.INTENT, 0.0, Way.COMPARE),
    ("block", Action.DELETE, Phase.INTENT, 0.0, Way.DELETE),
    ("block", Action.DELETE, Phase.ACK, 0.0, Way.WAIT),
]


@pytest.mark.parametrize(("kind", "action", "phase", "age_s", "way"), WAYS)
def test_each_open_operation_has_its_way(  # noqa: PLR0917 - a row of the table
    bench: Bench, kind: str, action: Action, phase: Phase, age_s: float, way: Way
) -> None:
    """What is known of an operation and its kind decides what is done about it."""
    operation = replace(bench.intend(a_resource(kind, "x")), action=action, phase=phase, object_id="o1")
    (prospect,) = describe_open([operation], {"world": bench.world}, bench.clock() + age_s)

    assert prospect.way is way
    assert prospect.text.startswith(f"{action} world.{kind}.x: ")


def test_what_a_person_says_is_believed_and_told(bench: Bench) -> None:
    """A choice, a word on buying again, and a provider that is not there change what is done."""
    operation = bench.intend(a_resource("block", "x"))
    world = {"world": bench.world}
    now_s = bench.clock()
    made = describe_open([operation], world, now_s, choices={operation.address: "o7"})
    none = describe_open([operation], world, now_s, choices={operation.address: None})
    again = describe_open([operation], world, now_s, repurchase=True)
    alone = describe_open([operation], {}, now_s)

    assert [p.way for (p,) in (made, none, again, alone)] == [Way.TOLD, Way.VOID, Way.REPURCHASE, Way.STUCK]
    assert "o7" in made[0].says


def test_many_that_look_share_their_lists(bench: Bench) -> None:
    """Eight creates that may have been sent: four are found, by lists and not by looks of their own."""
    bench.options = ApplyOptions(parallelism=8)
    for i in range(8):
        operation = bench.intend(a_resource("tag", f"x{i}"))
        if i % 2:
            bench.world.add(
                request_of(
                    operation.resource,
                    Action.CREATE,
                    token=operation.op_id,
                    lineage=bench.store.read().lineage,
                    needs={},
                )
            )
    done = bench.recover().unwrap()
    looks = [method for method, _, _ in bench.world.calls if method in {"owned", "lookup"}]

    assert (done.done, done.not_started) == (4, 4)
    assert looks.count("lookup") == 4
    assert looks.count("owned") > 0
    assert bench.store.open_operations() == ()


def test_one_list_serves_all_who_ask_meanwhile(bench: Bench) -> None:
    """Twenty that ask at once get one list; who asks when that is old gets another."""
    sightings = Sightings(bench.store.read().lineage, bench.clock, fresh_s=1.0)
    requests = [
        request_of(a_resource("tag", f"x{i}"), Action.CREATE, token=f"t{i}", lineage="l", needs={})
        for i in range(20)
    ]
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda request: sightings.of(bench.world, request), requests))
    at_once = len(bench.world.calls)
    bench.clock.sleep(1.5)
    sightings.of(bench.world, requests[0])

    assert (at_once, len(bench.world.calls)) == (1, 2)


def test_an_object_that_shows_late_is_still_found(bench: Bench) -> None:
    """Lists that do not show it yet close nothing; within the window it is adopted."""
    for i in range(2):
        operation = bench.intend(a_resource("tag", f"x{i}"))
        bench.world.add(
            request_of(
                operation.resource,
                Action.CREATE,
                token=operation.op_id,
                lineage=bench.store.read().lineage,
                needs={},
            )
        )
    bench.world.visible_from_s = bench.clock() + 10.0
    done = bench.recover().unwrap()

    assert done.done == 2
    assert len(bench.world.objects) == 2


def test_only_a_persons_word_orders_again(bench: Bench) -> None:
    """With it, what cannot be seen is ordered once more; what can be seen is not."""
    x, y = a_resource("block", "x"), a_resource("block", "y")
    bench.world.script["begin", "x"] = [Ambiguous("Timeout.")]
    bench.world.script["begin", "y"] = [(Ambiguous("Timeout."),)]
    bench.world.visible_from_s = bench.clock() + 100.0
    bench.run(create(x), create(y))
    bench.world.visible_from_s = 0.0
    bench.options = replace(bench.options, repurchase=True)
    done = bench.recover().unwrap()

    assert done.done == 2
    assert (bench.count("begin", "x"), bench.count("begin", "y")) == (2, 1)
    assert len(bench.world.objects) == 2


def test_an_order_that_was_repeated_and_is_unclear_again_stays_open(bench: Bench) -> None:
    """One word orders once: without an answer and without an object, a person is asked again."""
    x = a_resource("block", "x")
    bench.world.script["begin", "x"] = [Ambiguous("Timeout."), Ambiguous("Timeout.")]
    bench.run(create(x))
    bench.options = replace(bench.options, repurchase=True)
    done = bench.recover()

    assert [d.code for d in done.diagnostics] == ["purchase-unclear"]
    assert "dcplan recover -choose world.block.x=ID" in done.diagnostics[0].detail
    assert bench.count("begin", "x") == 2
    assert len(bench.store.open_operations()) == 1
