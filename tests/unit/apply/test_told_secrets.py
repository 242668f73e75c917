"""What a provider tells of hidden values: kept without them, but for what an object is found by."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from apply_bench import A, B, Bench, create
from dcplan.diag.hidden import SHOWN_INSTEAD, forget_hidden, hide


@pytest.fixture(autouse=True)
def nothing_after() -> Iterator[None]:
    """What a test hides is hidden for it alone."""
    yield
    forget_hidden()


def test_outputs_are_kept_without_it_and_told_once(bench: Bench) -> None:
    """Two objects of a kind: both rows are clean, and one warning names the output."""
    hide(["ip-o1", "ip-o2"])
    result = bench.run(create(A), create(B))
    rows = bench.store.read().resources

    assert [rows[r.address].outputs for r in (A, B)] == [
        {"id": "o1", "ip": SHOWN_INSTEAD},
        {"id": "o2", "ip": SHOWN_INSTEAD},
    ]
    assert [d.code for d in result.diagnostics] == ["hidden-in-outputs"]
    assert " in ip of a " in result.diagnostics[0].detail


def test_an_id_is_kept_and_told(bench: Bench) -> None:
    """Without it the object would be lost; so it stands in the state, and a warning says that."""
    hide(["o1"])
    result = bench.run(create(A))

    assert bench.store.read().resources[A.address].outputs["id"] == "o1"
    assert [d.code for d in result.diagnostics] == ["hidden-in-outputs"]
    assert "without its id nobody would find the object again" in result.diagnostics[0].detail
