"""The tour of the examples on clouds: the small one here, ``make tour`` has all."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from clouds.tour import ROOT, TourError, on_clouds, tour, visit

SMALL = ROOT / "examples" / "09-clouds-without-an-account"


def test_the_tour_knows_the_examples_on_clouds() -> None:
    """Those whose documents name AWS or Google Cloud, on both of them."""
    names = {example.name for example in on_clouds()}

    assert SMALL.name in names
    assert {"02-two-clouds", "03-carbon-capped", "08-spot-with-floor"} <= names
    assert "01-chat-and-pretrain" not in names


def test_an_example_evades_a_stock_out_and_leaves_nothing() -> None:
    """Planned, applied, grown into other zones of both clouds than it was planned for, destroyed."""
    said: list[str] = []
    status = tour([SMALL], said.append)

    assert status == 0, said
    sold = next(line for line in said if "sold out " in line)
    assert "us-central1" in sold
    assert "use1-" in sold
    assert "nothing left to change" in said[-3]
    assert "nothing left in the cloud" in said[-2]


def test_the_tour_ends_with_what_is_wrong(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A step that fails ends it with status 1 and its words."""
    monkeypatch.setattr("clouds.tour.aws_cloud", contextlib.nullcontext)

    def astray(project: object) -> None:
        raise TourError("this is wrong")

    monkeypatch.setattr(f"{visit.__module__}.visit", astray)
    (tmp_path / "dcplan.yaml").write_text("providers: {aws: {}}\n")
    said: list[str] = []

    assert tour([tmp_path], said.append) == 1
    assert "this is wrong" in said[-1]
