"""Variables that are ``sensitive`` or ``ephemeral``, and the conditions that a variable's value must meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dcplan.config.expressions import Verdict, ask, check_condition
from dcplan.diag import ConfigPath, Diagnostic, SourceRange, error

HOMES = ("providers", "backend", "encryption")
"""The keys under which a hidden value may stand: it goes to a server from there, and into no file."""

TYPES = frozenset({"string", "duration", "bytes", "rate", "money"})
"""Types that a hidden variable may have: those that are written as text."""


def is_hidden(spec: Any) -> bool:
    """Whether a declaration says that the value is shown and kept nowhere."""
    return isinstance(spec, Mapping) and (spec.get("sensitive") is True or spec.get("ephemeral") is True)


def check_hidden(name: str, spec: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """What is wrong with the declaration of a hidden variable."""
    word = "ephemeral" if spec.get("ephemeral") is True else "sensitive"
    if spec.get("default") is not None:
        detail = (
            f'The variable "{name}" is {word}, so its value may stand in no document. Leave the default out; '
            "give it by the environment, a variable file that is not committed, or -var."
        )
        yield error(
            "hidden-default", "A hidden variable has a default", detail, path=("variables", name), on_key=True
        )
    if isinstance(spec.get("type"), str) and spec["type"] not in TYPES:
        detail = (
            f'The variable "{name}" is {word}, and what is kept as a reference must be text: type: string.'
        )
        yield error("hidden-type", "A hidden variable must be text", detail, path=("variables", name, "type"))


def misplaced(name: str, path: ConfigPath) -> Diagnostic:
    """A hidden value where it would go into plans and states."""
    detail = (
        f'The variable "{name}" is sensitive or ephemeral, and what stands here goes into plans and states. '
        "Use it under providers, backend or encryption only, or take the mark off."
    )
    return error("hidden-misplaced", "A hidden value would be kept", detail, path=path)


def broken_rules(  # noqa: PLR0913 - a value, its declaration, and what is known of its source
    name: str, spec: Mapping[str, Any], value: Any, *, source: str, shown: bool, where: SourceRange | None
) -> Iterator[Diagnostic]:
    """The conditions of ``validation`` that a value does not meet; ``shown``: whether it may be told."""
    rules = spec.get("validation")
    for i, rule in enumerate(rules if isinstance(rules, list) else ()):
        if not isinstance(rule, Mapping) or not isinstance(rule.get("condition"), str):
            continue  # The document's own check says what is wrong with it.
        path: ConfigPath = ("variables", name, "validation", i, "condition")
        wrong = check_condition(rule["condition"], path, {"value": None}, {})
        if wrong:
            yield from wrong
            continue
        answer = ask(rule["condition"], {"value": value})
        told = f' It is "{value}", from {source}.' if shown else f" It comes from {source} and is not shown."
        if answer.verdict is Verdict.FAILS:
            detail = f'The value of "{name}" is refused: {rule.get("message", "")}{told}'
            yield error("variable-refused", "A value does not meet its rule", detail, path=path, range=where)
        elif answer.verdict is not Verdict.HOLDS:
            detail = f'The rule of "{name}" cannot be answered for its value. {answer.why}{told}'
            yield error("condition-wrong", "A condition cannot be answered", detail, path=path)
