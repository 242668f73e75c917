"""Ask a server, with a blob of no meaning, whether it compares before it writes."""

from __future__ import annotations

import contextlib
import uuid
from typing import TYPE_CHECKING

from dcplan.diag import ConfigPath, Diagnostic, Diagnostics, error
from dcplan.state.blobs import BlobConflict, BlobRefused, Blobs, BlobUncertain
from dcplan.state.errors import StateUnreadable
from dcplan.state.patience import ALWAYS, again

if TYPE_CHECKING:
    from collections.abc import Callable

PREFIX = "probe/"


def probe(blobs: Blobs, path: ConfigPath) -> Diagnostics:
    """Errors at ``path`` for each promise of ``Blobs`` that the server does not keep.

    Writes one blob and removes it.  A server that writes without looking would
    let two holders of a lock overwrite each other, and nobody would notice.
    """
    name = f"{PREFIX}{uuid.uuid4().hex}"
    try:
        broken = _broken(blobs, name)
    except BlobRefused as e:
        return (_error("backend-refused", "The server of the state refuses", str(e), path),)
    except BlobConflict as e:
        detail = f"{blobs.where} says of a name that was never used that it holds something ({e})."
        return (_error("backend-refused", "The server of the state refuses", detail, path),)
    except BlobUncertain as e:
        detail = f"{blobs.where} does not answer ({e}). See that the address is right, and try again."
        return (_error("backend-silent", "The server of the state does not answer", detail, path),)
    finally:
        with contextlib.suppress(BlobConflict, BlobUncertain, BlobRefused):
            blobs.delete(name)
    if not broken:
        return ()
    detail = (
        f"{blobs.where} was asked to {'; to '.join(broken)}. It did so all the same, without looking. Two "
        f"applies at once could overwrite each other there, and nobody would notice. Use a server that "
        f"honours conditional writes, or a newer version of this one."
    )
    return (_error("backend-careless", "The server does not look before it writes", detail, path),)


def _broken(blobs: Blobs, name: str) -> list[str]:
    """What the server did though it was told not to, in words."""
    broken = []
    first = blobs.put(name, b"first", expected=None)
    if _done(lambda: blobs.put(name, b"second", expected=None)):
        broken.append("create an object only where there is none (conditional create)")
    now = _version(blobs, name) or first
    blobs.put(name, b"third", expected=now)
    if _done(lambda: blobs.put(name, b"fourth", expected=now)):
        broken.append("replace an object only while it is as it was read (conditional replace)")
    blobs.delete(name)  # Here, where it is told when there is no right to it.
    return broken


def _done(write: Callable[[], object]) -> bool:
    """Whether the server did what it was to refuse."""
    try:
        write()
    except BlobConflict:
        return False
    return True


def _version(blobs: Blobs, name: str) -> str | None:
    try:
        blob = again(lambda: blobs.get(name), blobs.where, ALWAYS)
    except StateUnreadable:
        return None
    return None if blob is None else blob.version


def _error(code: str, summary: str, detail: str, path: ConfigPath) -> Diagnostic:
    return error(code, summary, detail, path=path, on_key=True)
