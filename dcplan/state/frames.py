"""How a blob of a remote state looks: one line that says what it is and of which state, then its content.

    {"dcplan":"state","layout":2,"lineage":"...","epoch":3,"serial":41,"through":57,"sha256":"..."}
    {"meta": ...}

The digest is of the bytes that follow, so that a torn or altered blob is told from a whole one.  Of a
sealed blob the whole line but the digest is bound to the ciphertext, together with the blob's name: it
opens as that part of that state of that workspace, and as nothing else.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from dcplan.state.errors import StateDamaged, StateUnreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

LAYOUT = 2
"""2 tells of which state a blob is."""
_HEAD_MOST_BYTES = 1000
_SHOWN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
"""What of a first line may be shown to people."""


class Seal(Protocol):
    """Encrypts what is kept on a server; optional."""

    @property
    def accepts_plain(self) -> bool:
        """Whether what is not encrypted may be read."""

    @property
    def workspace(self) -> str:
        """Whose state it is; one that was sealed for another is not opened."""

    def seal(self, content: bytes, associated: bytes) -> bytes:
        """The content, encrypted and bound to ``associated``, whose first line is the blob's name."""

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """What ``seal`` was given; raises ``StateUnreadable`` when key or ``associated`` are not the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Which part of which state a blob is."""

    kind: str
    """``state`` or ``entry``."""
    name: str
    lineage: str
    """Of the state that it is a part of; of an entry, as that is before it."""
    at: tuple[tuple[str, int], ...] = ()
    """Names and numbers: how far the state has come, where the blob's name does not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which part of which state a blob has to be."""

    kind: str
    name: str
    lineage: str | None = None
    """None: that of any state."""


def framed(label: Label, content: Mapping[str, Any], seal: Seal | None = None) -> bytes:
    """The blob that is kept under the label's name."""
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    head: dict[str, Any] = {
        "dcplan": label.kind,
        "layout": LAYOUT,
        "lineage": label.lineage,
        **dict(label.at),
    }
    if seal is not None:
        head |= {"sealed": True, "workspace": seal.workspace}
        body = seal.seal(body, _bound(label.name, head))
    head["sha256"] = hashlib.sha256(body).hexdigest()
    return _line(head) + b"\n" + body


def unframed(wanted: Wanted, blob: bytes, where: str, seal: Seal | None = None) -> dict[str, Any]:
    """The content of a blob; ``StateDamaged`` when it is not what it should be, never an empty content."""
    name = wanted.name
    head_bytes, newline, body = blob.partition(b"\n")
    head = _head(head_bytes) if newline else None
    if head is None or head.get("dcplan") != wanted.kind:
        why = "it is empty" if not blob else "it is cut off, or something else wrote it"
        raise damaged(where, name, why)
    if head.get("layout") != LAYOUT:
        raise damaged(where, name, f"it has layout {_word(head, 'layout')} and this dcplan reads {LAYOUT}")
    if hashlib.sha256(body).hexdigest() != head.pop("sha256", None):
        raise damaged(where, name, "its digest does not match: it is cut off or was altered")
    if wanted.lineage is not None and head.get("lineage") != wanted.lineage:
        why = f"it is of another state (lineage {_word(head, 'lineage')}; this is {wanted.lineage})"
        raise damaged(where, name, why)
    if head.get("sealed"):
        body = _opened(name, head, body, where, seal)
    elif seal is not None and not seal.accepts_plain:
        raise StateUnreadable(
            f"{name} in {where} is not encrypted, and the document asks for encryption. To encrypt what is "
            "there, allow it for a while with encryption: {fallback: unencrypted}; what is written then is."
        )
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as e:
        raise damaged(where, name, f"it is no JSON ({e})") from e
    if not isinstance(content, dict):
        raise damaged(where, name, "it is no JSON object")
    if any(head[key] != content[key] for key in head.keys() & content.keys()):
        raise damaged(where, name, "its first line tells of another state than what follows")
    return content


def _opened(name: str, head: Mapping[str, Any], body: bytes, where: str, seal: Seal | None) -> bytes:
    """What a sealed blob holds, as the part of the state that it has to be."""
    if seal is None:
        raise StateUnreadable(
            f"{name} in {where} is encrypted, and the document names no key. Put its section encryption back."
        )
    if head.get("workspace") != seal.workspace:
        raise damaged(
            where,
            name,
            f"it was sealed for workspace {_word(head, 'workspace')}, and this is {seal.workspace}",
        )
    return seal.open(body, _bound(name, head))


def damaged(where: str, name: str, why: str) -> StateDamaged:
    """The error for a blob that cannot be read."""
    return StateDamaged(
        f"{name} in {where} is not what dcplan wrote: {why}. Nothing was changed. Put back an earlier "
        f"version of it, as the server keeps them when versioning is on. If you remove it, dcplan forgets "
        f"what it made, and that goes on costing money."
    )


def _bound(name: str, head: Mapping[str, Any]) -> bytes:
    """What a sealed blob is bound to: its name, and its first line but for the digest."""
    return name.encode() + b"\n" + _line(head)


def _line(head: Mapping[str, Any]) -> bytes:
    return json.dumps(head, separators=(",", ":")).encode()


def _word(head: Mapping[str, Any], key: str) -> str:
    """A word of a first line that somebody else may have written."""
    word = str(head.get(key))
    return word if _SHOWN.fullmatch(word) else "unknown"


def _head(line: bytes) -> dict[str, Any] | None:
    if len(line) > _HEAD_MOST_BYTES:
        return None
    try:
        head = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return head if isinstance(head, dict) else None
