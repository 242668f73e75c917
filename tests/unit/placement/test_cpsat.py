"""The door to OR-Tools."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

from dcplan.placement.cpsat import Effort, Model, Status, run

EFFORT = Effort(seed=0, limit=1.0)


@pytest.fixture(params=["bindings", "cp_model"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways into CP-SAT: the bindings, and the public module where they are not found."""
    if request.param == "cp_model":
        real = importlib.import_module

        def without_bindings(name: str) -> ModuleType:
            if name.endswith("cp_model_helper"):
                raise ImportError(name)
            return real(name)

        real("ortools.sat.python.cp_model")
        monkeypatch.setattr(importlib, "import_module", without_bindings)
    return str(request.param)


@pytest.mark.usefixtures("engine")
def test_minimises_under_rows() -> None:
    """The least of 3x + 2y with x + y >= 7 and y <= 4."""
    model = Model()
    x, y = model.integer(0, 10), model.integer(0, 4)
    model.add([(1, x), (1, y)], low=7)
    answer = run(model, EFFORT, minimise=[(3, x), (2, y)])

    assert answer.status is Status.OPTIMAL
    assert answer.values == (3, 4)
    assert (answer.objective, answer.bound) == (17, 17)


@pytest.mark.usefixtures("engine")
def test_names_the_assumptions_that_clash() -> None:
    """The guards of rows that clash are in the core, and nothing but guards is."""
    model = Model()
    x = model.integer(0, 10)
    guards = [model.boolean() for _ in range(3)]
    model.add([(1, x)], low=6, guard=guards[0])
    model.add([(1, x)], high=9, guard=guards[1])
    model.add([(1, x)], high=5, guard=guards[2])
    answer = run(model, Effort(seed=0, limit=1.0, presolve=False), assume=guards)

    assert answer.status is Status.INFEASIBLE
    assert {guards[0], guards[2]} <= set(answer.core) <= set(guards)


@pytest.mark.usefixtures("engine")
def test_fixed_variables_switch_rows_off() -> None:
    """A guard fixed false frees its row."""
    model = Model()
    x, guard = model.integer(0, 10), model.boolean()
    model.add([(1, x)], low=6, guard=guard)

    assert run(model, EFFORT, minimise=[(1, x)], fixed={guard: 0}).objective == 0
    assert run(model, EFFORT, minimise=[(1, x)], fixed={guard: 1}).objective == 6


def test_an_invalid_model_is_our_bug() -> None:
    """A variable whose bounds cross is refused loudly."""
    model = Model()
    model.integer(3, 2)

    with pytest.raises(RuntimeError, match="This is a bug in dcplan"):
        run(model, EFFORT)
