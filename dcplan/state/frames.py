"""How a blob of a remote state looks: one line that says what it is, then its content.

    {"dcplan":"state","layout":1,"sha256":"..."}
    {"meta": ...}

The digest is of the bytes that follow, so that a torn or altered blob is told from a whole one.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Protocol

from dcplan.state.errors import StateDamaged, StateUnreadable

if TYPE_CHECKING:
    from collections.abc import Mapping

LAYOUT = 1
_HEAD_MOST_BYTES = 1000


class Seal(Protocol):
    """Encrypts what is kept on a server; optional."""

    @property
    def accepts_plain(self) -> bool:
        """Whether what is not encrypted may be read."""

    def seal(self, content: bytes, associated: bytes) -> bytes:
        """The content, encrypted and bound to ``associated``."""

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """What ``seal`` was given; raises ``StateUnreadable`` when key or ``associated`` are not the same."""


def framed(kind: str, name: str, content: Mapping[str, Any], seal: Seal | None = None) -> bytes:
    """The blob that is kept under ``name``."""
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    head: dict[str, Any] = {"dcplan": kind, "layout": LAYOUT}
    if seal is not None:
        body = seal.seal(body, name.encode())
        head["sealed"] = True
    head["sha256"] = hashlib.sha256(body).hexdigest()
    return json.dumps(head, separators=(",", ":")).encode() + b"\n" + body


def unframed(kind: str, name: str, blob: bytes, where: str, seal: Seal | None = None) -> dict[str, Any]:
    """The content of a blob; ``StateDamaged`` when it is not what it should be, never an empty content."""
    head_bytes, newline, body = blob.partition(b"\n")
    head = _head(head_bytes) if newline else None
    if head is None or head.get("dcplan") != kind:
        why = "it is empty" if not blob else "it is cut off, or something else wrote it"
        raise damaged(where, name, why)
    if head.get("layout") != LAYOUT:
        raise damaged(where, name, f"it has layout {head.get('layout')} and this dcplan reads {LAYOUT}")
    if hashlib.sha256(body).hexdigest() != head.get("sha256"):
        raise damaged(where, name, "its digest does not match: it is cut off or was altered")
    if head.get("sealed"):
        if seal is None:
            raise StateUnreadable(
                f"{name} in {where} is encrypted, and the document names no key. Put its section encryption "
                f"back."
            )
        body = seal.open(body, name.encode())
    elif seal is not None and not seal.accepts_plain:
        raise StateUnreadable(
            f"{name} in {where} is not encrypted, and the document asks for encryption. To encrypt what is "
            "there, allow it for a while with encryption: {fallback: unencrypted}; what is written then is."
        )
    try:
        content = json.loads(body)
    except ValueError as e:
        raise damaged(where, name, f"it is no JSON ({e})") from e
    if not isinstance(content, dict):
        raise damaged(where, name, "it is no JSON object")
    return content


def damaged(where: str, name: str, why: str) -> StateDamaged:
    """The error for a blob that cannot be read."""
    return StateDamaged(
        f"{name} in {where} is not what dcplan wrote: {why}. Nothing was changed. Put back an earlier "
        f"version of it, as the server keeps them when versioning is on. If you remove it, dcplan forgets "
        f"what it made, and that goes on costing money."
    )


def _head(line: bytes) -> dict[str, Any] | None:
    if len(line) > _HEAD_MOST_BYTES:
        return None
    try:
        head = json.loads(line)
    except ValueError:
        return None
    return head if isinstance(head, dict) else None
