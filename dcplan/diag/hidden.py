"""Texts that nobody may see: the values of sensitive variables.

Kept for the whole process, because whatever goes wrong anywhere (in a provider's thread, say) may be told
with a secret in its words.  Every diagnostic and every provider's error is cleaned as it is made, and so is
what a provider tells of an object.  A text is found as it was given, in the spellings that programs write it
in (of JSON, of URLs, of Base64, of Python), and line by line.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar, cast

from dcplan.diag.passwords import without_passwords

if TYPE_CHECKING:
    import logging

T = TypeVar("T")

SHOWN_INSTEAD = "(sensitive)"
_LONG = 16
"""From this length on a text is hidden within other words, too."""
_NUMBER = 4
"""From this length on a number that is written as a hidden text is hidden."""


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
            spelled = {spelling for text in self.texts for spelling in _spellings(text)}
            words = sorted(spelled, key=len, reverse=True)
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
    pattern = _HIDDEN.pattern
    # First what is hidden: a secret that looks like an address would be found in parts only.
    return without_passwords(text if pattern is None else pattern.sub(SHOWN_INSTEAD, text))


def hidden_in(text: str) -> bool:
    """Whether something hidden stands in the text."""
    return _HIDDEN.pattern is not None and _HIDDEN.pattern.search(text) is not None


def anything_hidden() -> bool:
    """Whether there is anything to hide."""
    return _HIDDEN.pattern is not None


def without_hidden(value: T) -> T:
    """JSON values with ``SHOWN_INSTEAD`` in place of what is hidden; the same object where nothing is."""
    return value if _HIDDEN.pattern is None else cast("T", _cleaned(value, _HIDDEN.pattern))


def clean_logs() -> None:
    """Let Python's own way of printing log lines, where nobody set up another, tell nothing hidden."""
    import logging  # noqa: PLC0415 - not for commands that load no code of others

    last = logging.lastResort
    if last is not None and _clean_record not in last.filters:
        last.addFilter(_clean_record)


def _clean_record(record: logging.LogRecord) -> bool:
    import logging  # noqa: PLC0415 - as above

    text = record.getMessage()
    if record.exc_info:
        text = f"{text}\n{logging.Formatter().formatException(record.exc_info)}"
    record.msg, record.args, record.exc_info, record.exc_text = redacted(text), (), None, None
    return True


def _cleaned(value: object, pattern: re.Pattern[str]) -> object:
    """A value without what is hidden, also in the names of its parts."""
    if isinstance(value, str):
        return pattern.sub(SHOWN_INSTEAD, value) if pattern.search(value) else value
    if isinstance(value, Mapping):
        clean = {_cleaned(key, pattern): _cleaned(item, pattern) for key, item in value.items()}
        return value if clean == value else clean
    if isinstance(value, list | tuple):
        items = [_cleaned(item, pattern) for item in value]
        return value if items == list(value) else type(value)(items)
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = str(value)
        return SHOWN_INSTEAD if len(text) >= _NUMBER and pattern.fullmatch(text) else value
    return value


def _spellings(text: str) -> Iterator[str]:
    """A text as programs write it."""
    import base64  # noqa: PLC0415 - only where something is hidden
    import json  # noqa: PLC0415 - as above
    from urllib.parse import quote, quote_plus  # noqa: PLC0415 - as above

    for one in {text, text.strip()}:
        yield one
        yield from (json.dumps(one, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))
        yield repr(one)[1:-1]
        raw = one.encode(errors="surrogateescape")
        yield from (quote(raw, safe=""), quote(raw), quote_plus(raw))
        if len(one) >= _NUMBER:
            for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
                yield encoded.decode().rstrip("=")
    yield from (line.strip() for line in text.splitlines() if len(line.strip()) >= _LONG)


def _as_word(text: str) -> str:
    if len(text) >= _LONG:
        return re.escape(text)
    return rf"(?<![\w-]){re.escape(text)}(?![\w-])"
