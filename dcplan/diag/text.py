"""Small pieces of wording shared by all messages."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def did_you_mean(word: str, choices: Iterable[str], *, alike: float = 0.6) -> str:
    """``Did you mean "x"?`` with the nearest choice, or an empty string when none is near.

    ``alike``: the least share of letters in common, 0 to 1 (``difflib``).
    """
    near = difflib.get_close_matches(word, sorted(choices), n=1, cutoff=alike)
    return f'Did you mean "{near[0]}"?' if near else ""


def listed(words: Sequence[str], *, last: str = "and") -> str:
    """``a, b and c``: a list as it is written in a sentence."""
    if len(words) <= 1:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """``1 machine``, ``2 machines``, ``1,024 machines``."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"
