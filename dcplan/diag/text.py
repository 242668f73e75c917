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


_OF_ONE = {
    "are": "is",
    "beat": "beats",
    "do": "does",
    "fail": "fails",
    "go": "goes",
    "have": "has",
    "hold": "holds",
    "keep": "keeps",
    "miss": "misses",
    "remain": "remains",
    "run": "runs",
    "stay": "stays",
    "take": "takes",
    "units": "unit",
    "were": "was",
}


def agreeing(count: int, words: str) -> str:
    """What is said of many, said of ``count``: of one, ``do not fit`` is ``does not fit``.

    Of ``words``, whichever are in ``_OF_ONE`` change until the first one that is not.
    """
    if count != 1:
        return words
    first, space, rest = words.partition(" ")
    return f"{_OF_ONE[first]}{space}{agreeing(1, rest)}" if first in _OF_ONE else words
