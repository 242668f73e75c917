"""Pipelines that serve: the length of a round is weighed against what the caches hold."""

from __future__ import annotations

import pytest

from dcplan.basis import Basis
from dcplan.placement.layers.cycles import place_in_cycles
from dcplan.sharding.stages import Point, StageMachine


def machine(name: str, machines: int, layer_s: float, room: float) -> StageMachine:
    """One request takes ``layer_s`` a layer; eight together take twice that; one layer leaves ``room``."""
    points = tuple(
        Point(
            layers=n,
            requests=requests,
            tokens_per_s=requests / (n * layer_s * slower),
            pass_s=n * layer_s * slower,
        )
        for n in range(1, 5)
        for requests, slower in ((1, 1.0), (8, 2.0))
        if requests <= room / n
    )
    return StageMachine(
        name=name,
        machines=machines,
        devices=1,
        accelerator=name,
        machine=name,
        points=points,
        room=tuple(room / n for n in range(1, 5)),
        head_s=0.0,
        basis=Basis.ASSUMED,
    )


def test_with_room_larger_batches_and_longer_rounds_carry_most() -> None:
    """Without a cap eight requests go together on each machine, and keep it busy."""
    found = place_in_cycles(4, [machine("m", 2, 0.01, room=1000.0)]).unwrap()

    assert found.plan.tokens_per_s == pytest.approx(200.0)
    assert found.plan.tokens_per_s <= found.bound_tokens_per_s
    assert found.requests <= 1000


def test_a_cap_allows_only_small_batches() -> None:
    """Four layers at 0.01 s each leave no time for eight requests together."""
    found = place_in_cycles(4, [machine("m", 2, 0.01, room=1000.0)], latency_cap_s=0.045).unwrap()

    assert found.plan.latency_s <= 0.045
    assert found.plan.tokens_per_s == pytest.approx(50.0)


def test_caches_bound_what_passes_in_a_round() -> None:
    """With room for r requests beside its layers a machine passes no more than r in each round."""
    kind = machine("m", 2, 0.01, room=4.0)

    found = place_in_cycles(4, [kind]).unwrap()

    for stage in found.plan.stages:
        for share in stage.shares:
            room = kind.room[stage.layers - 1]
            assert share.holding.tokens_per_s * found.plan.latency_s <= room * (1 + 1e-9)


def test_no_pipeline_within_the_cap_is_told() -> None:
    """The diagnostic is that of the longest round."""
    result = place_in_cycles(9, [machine("m", 2, 0.01, room=1000.0)])
    tight = place_in_cycles(8, [machine("m", 2, 0.01, room=1000.0)], latency_cap_s=0.05)

    assert [d.code for d in result.diagnostics] == ["layers-do-not-fit"]
    assert [d.code for d in tight.diagnostics] == ["cap-too-tight"]
    assert "cap" not in result.diagnostics[0].detail
    assert result.value is None
    assert tight.value is None
