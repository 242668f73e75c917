"""Texts that nobody may see: the values of sensitive variables.

Kept for the whole process, because whatever goes wrong anywhere (in a provider's thread, say) may be told
with a secret in its words.  Every diagnostic and every provider's error is cleaned as it is made.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable

from dcplan.diag.passwords import without_passwords

SHOWN_INSTEAD = "(sensitive)"
_LONG = 16
"""From this length on a text is hidden within other words, too."""


class _Hidden:
    """The texts, and a pattern of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.texts: frozenset[str] = frozenset()
        self.pattern: re.Pattern[str] | None = None

    def set(self, texts: Iterable[str]) -> None:
        """From now on these and no others."""
        with self._lock:
            self.texts = frozenset(text for text in texts if text.strip())
            words = sorted(self.texts, key=len, reverse=True)
            self.pattern = re.compile("|".join(_as_word(word) for word in words)) if words else None


_HIDDEN = _Hidden()


def hide(texts: Iterable[str]) -> None:
    """Show these no more."""
    new = frozenset(texts)
    if not new <= _HIDDEN.texts:
        _HIDDEN.set(_HIDDEN.texts | new)


def forget_hidden() -> None:
    """A new document begins: what was hidden for the one before does not count."""
    _HIDDEN.set(())


def redacted(text: str) -> str:
    """The text without what is hidden, and without passwords in addresses."""
    shown = without_passwords(text)
    return shown if _HIDDEN.pattern is None else _HIDDEN.pattern.sub(SHOWN_INSTEAD, shown)


def hidden_in(text: str) -> bool:
    """Whether something hidden stands in the text."""
    return _HIDDEN.pattern is not None and _HIDDEN.pattern.search(text) is not None


def anything_hidden() -> bool:
    """Whether there is anything to hide."""
    return _HIDDEN.pattern is not None


def _as_word(text: str) -> str:
    if len(text) >= _LONG:
        return re.escape(text)
    return rf"(?<![\w-]){re.escape(text)}(?![\w-])"
