"""Golden folders: each ``dcplan.yaml`` and exactly what is said about it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dcplan.config import load_document

CASES = Path(__file__).resolve().parents[2] / "cases" / "config"
NAMES = sorted(folder.name for folder in CASES.iterdir() if folder.is_dir())


def _said(folder: Path) -> str:
    """Every diagnostic as a line, what is related to it below, indented."""
    lines = []
    for d in load_document([Path("dcplan.yaml")], env={"HOME": "/home/somebody"}).diagnostics:
        lines.append(f"{d.range}: {d.severity}: {d.summary}: {d.detail}")
        lines += [f"    {note.range}: {note.note}" for note in d.related]
    return "".join(f"{line}\n" for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_a_document_gets_its_diagnostics(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words and places are the golden ones; REWRITE_GOLDENS=1 writes them anew for review."""
    folder = CASES / name
    monkeypatch.chdir(folder)
    said = _said(folder)
    golden = folder / "diagnostics.txt"
    if os.environ.get("REWRITE_GOLDENS"):
        golden.write_text(said, encoding="utf-8")

    assert said == golden.read_text(encoding="utf-8")
