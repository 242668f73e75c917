"""Templates say what they are told, quoted where the shell reads it, and nothing else."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import jinja2
import pytest

from dcplan.provider.templating import FOLDER, Template, rendered

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class Hello(Template):
    """Told a name only."""

    source: ClassVar[str] = "paper/hello.j2"
    name: str


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Writes the template of a package that is on the path."""
    folder = tmp_path / "paper" / FOLDER
    folder.mkdir(parents=True)
    (tmp_path / "paper" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "paper", raising=False)

    def write(text: str) -> None:
        (folder / "hello.j2").write_text(text)

    return write


def test_what_is_told_is_said(template: Callable[[str], None]) -> None:
    """With the end of its last line, and without marks of the template."""
    template("{% if name %}\nHello, {{ name }}!\n{% endif %}\n")

    assert rendered(Hello(name="<you>")) == "Hello, <you>!\n"


def test_what_is_not_told_is_an_error(template: Callable[[str], None]) -> None:
    """Nothing is left out silently: neither a name nor a part of one, and not in a condition."""
    for text in ("{{ age }}", "{{ name.first }}", "{% if age %}{% endif %}"):
        template(text)
        with pytest.raises(jinja2.UndefinedError):
            rendered(Hello(name="you"))


def test_a_quoted_word_stays_one_word(template: Callable[[str], None]) -> None:
    """Whatever is in it, the shell takes it as it is."""
    template("printf %s {{ name | quote }}")
    name = "a 'b' \"$HOME\" `id` {{ x }}\n;"
    said = subprocess.run(
        ["sh", "-c", rendered(Hello(name=name))], check=True, capture_output=True, text=True
    )

    assert said.stdout == name


def test_templates_extend_those_of_other_packages(template: Callable[[str], None]) -> None:
    """The one of the core is found by its package, and asks each cloud for all of its parts."""
    template('{% extends "dcplan.provider/agent.sh.j2" %}')

    with pytest.raises(jinja2.TemplateRuntimeError, match="Required block"):
        rendered(Hello(name="you"))
