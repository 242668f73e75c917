"""The cheapest machines for a mixed load, and what cannot be asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dcplan.placement.covering import Cover, CoverProblem, LoadClass, MachineType, broken, cover
from dcplan.placement.covering import solve as solving


def problem(**changes: object) -> CoverProblem:
    """Short requests that small machines carry cheapest, and long ones that only large machines carry."""
    usual = CoverProblem(
        classes=(
            LoadClass(name="short", requests_per_s=10.0, slices=4),
            LoadClass(name="long", requests_per_s=2.0, slices=2),
        ),
        machines=(MachineType(name="small", usd_per_h=0.9), MachineType(name="large", usd_per_h=4.0)),
        rates=((2.0, 7.0), (None, 4.0)),
    )
    return replace(usual, **changes)  # type: ignore[arg-type]  # the fields of a problem


def codes(asked: CoverProblem) -> list[str]:
    """Which diagnostics come of it."""
    return [d.code for d in cover(asked).diagnostics]


def test_a_mixed_fleet_is_cheaper_than_one_type() -> None:
    """Half a large machine is left beside the long requests, and takes what fills it."""
    found = cover(problem()).unwrap()

    assert found.machines == (4, 1)
    assert found.usd_per_h == pytest.approx(7.6)
    assert found.status == "optimal"
    assert found.gap == 0


def test_a_limit_of_machines_is_kept() -> None:
    """Where only one small machine can be had, large ones take the rest."""
    machines = (
        MachineType(name="small", usd_per_h=1.0, most=1),
        MachineType(name="large", usd_per_h=4.0),
    )

    found = cover(problem(machines=machines)).unwrap()

    assert found.machines[0] <= 1
    assert broken(problem(machines=machines), found) == ()


def test_slices_are_not_divided() -> None:
    """Two slices of 0.6 machines each need two machines although 1.2 are a little more than one."""
    asked = problem(
        classes=(LoadClass(name="a", requests_per_s=1.2, slices=2),),
        machines=(
            MachineType(name="x", usd_per_h=1.0, most=1),
            MachineType(name="y", usd_per_h=1.0, most=1),
            MachineType(name="z", usd_per_h=5.0),
        ),
        rates=((1.0, 1.0, 1.0),),
    )

    found = cover(asked).unwrap()

    assert found.machines == (1, 1, 0)
    assert found.slices == ((1, 1, 0),)


def test_machines_on_which_slices_do_not_fit_are_ruled_out_with_proof() -> None:
    """Three slices of 0.6 fit on no two machines of two types; the third one is in the cost and the bound."""
    asked = problem(
        classes=(LoadClass(name="a", requests_per_s=1.8, slices=3),),
        machines=(
            MachineType(name="x", usd_per_h=1.0, most=1),
            MachineType(name="y", usd_per_h=1.0, most=1),
            MachineType(name="z", usd_per_h=5.0),
        ),
        rates=((1.0, 1.0, 1.0),),
    )

    found = cover(asked).unwrap()

    assert found.usd_per_h == 7.0
    assert pytest.approx(found.bound_usd_per_h) == 7.0
    assert pytest.approx(found.divided_usd_per_h) == 2.0


def test_no_load_costs_nothing() -> None:
    """Classes without requests need no machine."""
    classes = (LoadClass(name="short", requests_per_s=0.0), LoadClass(name="long", requests_per_s=0.0))

    found = cover(problem(classes=classes)).unwrap()

    assert found.machines == (0, 0)
    assert found.usd_per_h == 0.0


def test_a_class_that_nothing_carries_is_named() -> None:
    """The diagnostic says which class it is."""
    result = cover(problem(rates=((2.0, 7.0), (None, None))))

    assert result.value is None
    assert [d.code for d in result.diagnostics] == ["no-machine"]
    assert '"long"' in result.diagnostics[0].detail


def test_limits_that_let_no_cover_through_are_named() -> None:
    """The diagnostic names the limits."""
    machines = (
        MachineType(name="small", usd_per_h=1.0, most=1),
        MachineType(name="large", usd_per_h=4.0, most=1),
    )
    result = cover(problem(machines=machines))

    assert result.value is None
    assert result.diagnostics[0].code == "cover-too-small"
    assert "1 of small" in result.diagnostics[0].detail


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": ()},
        {"rates": ((1.0,), (1.0,))},
        {"rates": ((0.0, 1.0), (1.0, 1.0))},
        {"rates": ((float("nan"), 1.0), (1.0, 1.0))},
        {"machines": (MachineType(name="a", usd_per_h=-1.0), MachineType(name="b", usd_per_h=1.0))},
        {"machines": (MachineType(name="a", usd_per_h=1.0), MachineType(name="a", usd_per_h=1.0))},
    ],
)
def test_what_is_no_problem_is_told_at_once(changes: dict[str, object]) -> None:
    """Wrong shapes, rates, prices and names are errors, never tracebacks."""
    assert {"wrong-cover"} == set(codes(problem(**changes)))


def test_the_verifier_names_each_broken_law() -> None:
    """A cover with too few machines, a lost slice, a wrong place and a wrong cost is told so."""
    wrong = Cover(
        machines=(1, 0),
        slices=((3, 0), (2, 0)),
        usd_per_h=3.0,
        bound_usd_per_h=9.0,
        divided_usd_per_h=0.0,
        status="optimal",
        solver="",
    )

    said = " ".join(broken(problem(), wrong))

    assert "short has 4 slices and 3 go somewhere" in said
    assert "long cannot run on small" in said
    assert "1 machines of small carry" in said
    assert "the machines cost 0.9 and 3.0 is said" in said
    assert "below the bound" in said


def test_a_cover_that_breaks_a_law_is_never_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the solver says is held against the laws."""
    monkeypatch.setattr(solving, "_fitting", lambda *_: (((0, 0), (0, 0)), True))

    with pytest.raises(RuntimeError, match="bug in dcplan"):
        cover(problem())


def test_a_load_that_many_sets_of_machines_seem_to_carry_is_proven() -> None:
    """One slice that fills eight machines of a type, or none: more than twenty cheaper sets look right."""
    asked = CoverProblem(
        classes=(LoadClass(name="a", requests_per_s=7.0),),
        machines=(
            MachineType(name="x", usd_per_h=0.7),
            MachineType(name="y", usd_per_h=0.7),
            MachineType(name="free", usd_per_h=0.0, most=2),
        ),
        rates=((0.9, 0.9, 1.7),),
    )

    found = cover(asked).unwrap()

    assert found.usd_per_h == pytest.approx(5.6)
    assert found.bound_usd_per_h == pytest.approx(5.6)
    assert found.status == "optimal"


def test_many_sets_that_do_not_carry_a_load_are_no_reason_to_give_up() -> None:
    """One slice larger than all machines of each type has no cover, however many sets there are."""
    asked = CoverProblem(
        classes=(LoadClass(name="a", requests_per_s=40.0),),
        machines=tuple(MachineType(name=name, usd_per_h=1.0, most=30) for name in "xyz"),
        rates=((1.0, 1.0, 1.0),),
    )

    assert codes(asked) == ["cover-too-small"]


def test_slices_that_fill_a_machine_to_the_last_part_fit() -> None:
    """Three thirds of a machine are one machine, although a third is no decimal number."""
    asked = CoverProblem(
        classes=(LoadClass(name="a", requests_per_s=2.0, slices=6),),
        machines=(MachineType(name="x", usd_per_h=1.0, most=1), MachineType(name="y", usd_per_h=1.0, most=1)),
        rates=((1.0, 1.0),),
    )

    assert cover(asked).unwrap().machines == (1, 1)
