"""The documents tell of everything there is, and of nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from dcplan.catalog import catalog_model_names, load_accelerators
from dcplan.cli.main import COMMANDS
from dcplan.provider.local import FaultKind

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / "docs" / "document.md").read_text()


def keys_of(schema: dict[str, Any]) -> set[str]:
    """All keys that may stand in a document, at any depth."""
    keys: set[str] = set()
    for part in (schema, *schema.get("$defs", {}).values()):
        keys |= set(part.get("properties", {}))
    return keys


@pytest.mark.parametrize("key", sorted(keys_of(json.loads((ROOT / "schemas/document.v1.json").read_text()))))
def test_every_key_of_the_document_is_told_of(key: str) -> None:
    """docs/document.md names each key of the schema."""
    assert re.search(rf"\b{re.escape(key)}\b", DOCUMENT)


@pytest.mark.parametrize("kind", list(FaultKind))
def test_every_fault_is_told_of(kind: FaultKind) -> None:
    """docs/document.md names each way to fail."""
    assert f"`{kind.value}`" in DOCUMENT


@pytest.mark.parametrize("name", [*catalog_model_names(), *load_accelerators()])
def test_every_name_of_the_catalogue_is_told_of(name: str) -> None:
    """docs/document.md lists the models and accelerators that a document can name."""
    assert f"`{name}`" in DOCUMENT


@pytest.mark.parametrize("command", list(COMMANDS))
def test_every_command_is_told_of(command: str) -> None:
    """docs/commands.md has a line for each command."""
    text = (ROOT / "docs" / "commands.md").read_text()

    assert f"dcplan {command}" in text


PAGES = sorted(
    str(path.relative_to(ROOT))
    for pattern in ("*.md", "docs/*.md", "examples/**/*.md", "providers/*/*.md")
    for path in ROOT.glob(pattern)
)


def anchors_of(page: Path) -> set[str]:
    """What links can name in a page: its headings, as they are spelt in links."""
    headings = re.findall(r"^#+ +(.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES)
def test_links_between_our_pages_lead_somewhere(page: str) -> None:
    """Each relative link names a file that is there, and a heading of it."""
    here = ROOT / page
    links = re.findall(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)", here.read_text())
    lost = [
        (name, anchor)
        for name, anchor in links
        if not (target := here.parent / name if name else here).exists()
        or (anchor and anchor not in anchors_of(target))
    ]

    assert lost == []


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_every_page_is_in_the_table_of_the_readme(page: str) -> None:
    """Whoever looks where to go next finds each page of docs/."""
    table = [line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("|")]

    assert any(f"(docs/{page})" in line for line in table)
