"""Launch artefacts from templates: scripts that machines boot with.

What a template may say is a frozen dataclass with its package and file; whatever it asks for beyond that is
an error.  Templates only lay out: what is to be decided is decided in Python.  A template of a package may
extend and include those of another as ``PACKAGE/FILE``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from importlib.resources import files
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import jinja2

FOLDER = "templates"
"""Of a package that brings templates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """Derive one class for each template; its fields are all that the template knows."""

    source: ClassVar[str]
    """``PACKAGE/FILE``."""


def rendered(template: Template) -> str:
    """The text; ``jinja2.UndefinedError`` where the template asks for what it is not told: our bug."""
    told = {field.name: getattr(template, field.name) for field in fields(template)}
    return _environment().get_template(template.source).render(told)


def _environment() -> jinja2.Environment:
    """As strict as it gets.  Made for each text: few are made, and tests may bring packages of their own."""
    import shlex  # noqa: PLC0415 - as jinja2

    import jinja2  # noqa: PLC0415 - plans do not pay for it

    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_text),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - scripts, not HTML; what is told is quoted by ``quote``
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters = {"quote": shlex.quote}
    return environment


def _text(source: str) -> str | None:
    """A template by its name; None where there is none."""
    package, _, file = source.partition("/")
    found = files(package) / FOLDER / file
    return found.read_text(encoding="utf-8") if found.is_file() else None
