"""What an unquoted YAML scalar means.

The rules are those of the YAML 1.2 core schema (yaml.org/spec/1.2.2, section
10.3.2).  Where YAML 1.1, which many tools still speak, reads the same text as
something else, the text is called ambiguous, and the user is asked to say
which is meant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

Scalar = str | int | float | bool | None

_FIXED: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMERIC_START = frozenset("+-.0123456789")
_BOOLEAN_WORD = re.compile(r"yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF")
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*(?:_[0-9]+)*)")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_OCTAL = re.compile(r"[-+]?0[0-9_]+|0o[0-7]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:_[0-9]+)*(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"([-+]?)\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")
_LONGEST_NUMBER = 40
"""Longer rows of digits are identifiers, not numbers; they stay text."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Why a text is ambiguous, and how to write what was meant."""

    why: str
    way_out: str


def plain_scalar(text: str) -> Scalar | Ambiguous:
    """The value of an unquoted scalar, or why it is ambiguous."""
    if text in _FIXED:
        return _FIXED[text]
    if text[0] in _NUMERIC_START and len(text) <= _LONGEST_NUMBER:
        return _number(text)
    if _BOOLEAN_WORD.fullmatch(text):
        meant = "true" if text.lower() in ("yes", "on") else "false"
        return Ambiguous(
            f"YAML 1.1 reads {text} as {meant}, YAML 1.2 as text.", f'Write {meant}, or "{text}" in quotes.'
        )
    return text


def _number(text: str) -> Scalar | Ambiguous:
    """A number, or text that only begins like one (``30s``, ``1.2.3``)."""
    if _OCTAL.fullmatch(text):
        return Ambiguous(
            f"YAML 1.1 and 1.2 disagree on whether {text} is octal.",
            f'Write the number without the leading zero, or "{text}" in quotes.',
        )
    if _INTEGER.fullmatch(text) or _HEX.fullmatch(text):
        return int(text, 16 if text.startswith("0x") else 10)
    if _FLOAT.fullmatch(text):
        return float(text)
    if special := _SPECIAL.fullmatch(text):
        return float(f"{special[1] or ''}inf") if text.lower().endswith("inf") else float("nan")
    if _SEXAGESIMAL.fullmatch(text):
        return Ambiguous(
            f"YAML 1.1 reads {text} as a number in base 60, YAML 1.2 as text.",
            f'Write a duration such as 90s or 1h30m, or "{text}" in quotes.',
        )
    return text
