"""Files and settings of providers: any type, the same care."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from dcplan.config import load_typed, validate_settings
from dcplan.config.values import Bytes, UsdPerH


@dataclass(frozen=True)
class Node:
    """A machine of an inventory."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    name: str
    rack: str
    gpus: int
    memory: Bytes
    labels: dict[str, str] = field(default_factory=dict)


class Inventory(BaseModel):
    """Everything in a data centre."""

    model_config = ConfigDict(extra="forbid")
    nodes: tuple[Node, ...]


class Settings(BaseModel):
    """What a provider takes."""

    model_config = ConfigDict(extra="forbid", strict=True)
    region: str
    price: UsdPerH | None = None
    mode: int | str = 1


def test_a_typed_file_gives_its_type(tmp_path: Path) -> None:
    """Dataclasses inside models, quantities in base units."""
    file = tmp_path / "inventory.yaml"
    file.write_text("nodes:\n  - {name: a, rack: r1, gpus: 8, memory: 80GiB}\n", encoding="utf-8")

    expected = Inventory(nodes=(Node(name="a", rack="r1", gpus=8, memory="80GiB"),))  # type: ignore[arg-type]

    assert expected.nodes[0].name == load_typed(file, Inventory).unwrap().nodes[0].name
    assert load_typed(file, Inventory).unwrap().nodes[0].memory == 80 * 2.0**30


def test_mistakes_in_a_typed_file_have_places(tmp_path: Path) -> None:
    """Unknown, missing and unreadable, each where it stands."""
    file = tmp_path / "inventory.yaml"
    file.write_text(
        "nodes:\n  - {name: a, rack: r1, gpus: 8, memory: 80}\n  - name: b\n    rak: r1\n    gpus: many\n",
        encoding="utf-8",
    )
    result = load_typed(file, Inventory)

    assert result.value is None
    assert {(d.code, d.range.line) for d in result.diagnostics if d.range} == {
        ("wrong-unit", 2),
        ("missing-key", 3),
        ("unknown-key", 4),
        ("wrong-type", 5),
    }


def test_ten_thousand_nodes_load_in_well_under_two_seconds(tmp_path: Path) -> None:
    """The source map stays cheap while nobody asks it anything."""
    lines = ["nodes:"]
    for i in range(10_000):
        lines += [f"  - name: node-{i}", f"    rack: r{i // 8}", "    gpus: 8", "    memory: 80GiB"]
    file = tmp_path / "inventory.yaml"
    file.write_text("\n".join(lines), encoding="utf-8")
    start = time.process_time()
    result = load_typed(file, Inventory)
    seconds = time.process_time() - start

    assert len(result.unwrap().nodes) == 10_000
    assert seconds < 2


def test_settings_are_checked_under_the_documents_path() -> None:
    """The diagnostics carry paths, which the document's source map places."""
    result = validate_settings({"regoin": "x", "price": "12", "mode": [1]}, Settings, ("providers", "aws"))

    assert [(d.code, d.path) for d in result.diagnostics] == [
        ("wrong-unit", ("providers", "aws", "price")),
        ("wrong-type", ("providers", "aws", "mode")),
        ("unknown-key", ("providers", "aws", "regoin")),
    ]
    assert "A whole number or text belongs here" in result.diagnostics[1].detail


def test_good_settings_become_the_type() -> None:
    """Quantities are read here too."""
    settings = validate_settings({"region": "x", "price": "$12/h"}, Settings, ("providers", "aws")).unwrap()

    assert settings == Settings(region="x", price="$12/h")  # type: ignore[arg-type]


class Lists(BaseModel):
    """What may not be empty."""

    one: tuple[str, ...] = Field(min_length=1)
    two: tuple[str, ...] = Field(min_length=2)


def test_a_list_that_is_too_short_is_told_in_the_right_number() -> None:
    """One item, two items."""
    result = validate_settings({"one": [], "two": []}, Lists, ())

    assert [d.detail for d in result.diagnostics] == [
        "It must have at least 1 item.",
        "It must have at least 2 items.",
    ]
