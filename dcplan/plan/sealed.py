"""Encrypted files: AES-256-GCM with a fresh key per file, which is wrapped by a key from a passphrase.

    {"dcplan":"sealed","version":1,"rounds":600000,"salt":"...","nonce":"...","key":"...","key_nonce":"..."}
    <ciphertext>

The first line is bound to the ciphertext as associated data, together with what the caller says the
file is: a file put in another's place does not open.  Key from the passphrase: PBKDF2 with
HMAC-SHA-512 (RFC 8018), 600,000 rounds and more; AES-GCM: NIST SP 800-38D.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

ROUNDS = 600_000
"""Of PBKDF2; OWASP's cheat sheet on passwords asks for 210,000 with SHA-512."""
_MOST_ROUNDS = 10_000_000
"""A file cannot make its reader work for longer."""
SHORTEST = 16
"""Characters of a passphrase, at least."""
SEALED_VERSION = 1
_KIND = "sealed"
_HEAD_MOST_BYTES = 2000
_SALT_BYTES = 16
_NONCE_BYTES = 12
_KEY_BYTES = 32


class Unsealable(Exception):  # noqa: N818 - a state of things, as those of the state
    """A sealed file cannot be opened; ``str()`` is a sentence for people, without the file's name."""


@dataclass(slots=True)
class Sealer:
    """Seals with one passphrase, and opens with that or with the one before it."""

    passphrase: str
    old_passphrase: str | None = None
    accepts_plain: bool = False
    """Whether files that are not sealed may be read."""
    rounds: int = ROUNDS
    _salt: bytes | None = None
    _keys: dict[tuple[str, bytes, int], bytes] = field(default_factory=dict)

    def seal(self, content: bytes, associated: bytes) -> bytes:
        """The content, sealed and bound to ``associated``, which must be the same when it is opened."""
        if self._salt is None:
            self._salt = secrets.token_bytes(_SALT_BYTES)
        data_key, nonce, key_nonce = (
            secrets.token_bytes(n) for n in (_KEY_BYTES, _NONCE_BYTES, _NONCE_BYTES)
        )
        wrapping = self._key(self.passphrase, self._salt, self.rounds)
        head = json.dumps(
            {
                "dcplan": _KIND,
                "version": SEALED_VERSION,
                "rounds": self.rounds,
                "salt": _text(self._salt),
                "nonce": _text(nonce),
                "key": _text(_aes(wrapping).encrypt(key_nonce, data_key, associated)),
                "key_nonce": _text(key_nonce),
            },
            separators=(",", ":"),
        ).encode()
        sealed: bytes = _aes(data_key).encrypt(nonce, content, _bound(head, associated))
        return head + b"\n" + sealed

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """What ``seal`` was given; ``Unsealable`` says why it cannot be had."""
        head_bytes, newline, body = sealed.partition(b"\n")
        head = _head(head_bytes) if newline else None
        if head is None:
            raise Unsealable("It is not a file that dcplan sealed, or it is cut off.")
        try:
            salt, nonce, key, key_nonce = (_bytes(head[n]) for n in ("salt", "nonce", "key", "key_nonce"))
            rounds = int(head["rounds"])
        except (KeyError, ValueError, TypeError):
            raise Unsealable("Its first line is damaged.") from None
        if (
            not ROUNDS <= rounds <= _MOST_ROUNDS
            or len(nonce) != _NONCE_BYTES
            or len(key_nonce) != _NONCE_BYTES
        ):
            raise Unsealable("Its first line is damaged: no dcplan writes such figures.")
        data_key = self._unwrap(key, key_nonce, salt, rounds, associated)
        if self._salt is None:
            self._salt, self.rounds = salt, rounds  # One derivation for a whole log, however many wrote it.
        content = _decrypted(data_key, nonce, body, _bound(head_bytes, associated))
        if content is None:
            raise Unsealable(
                "Its key fits and its content does not: it is cut off, altered or in another's place."
            )
        return content

    def _unwrap(self, key: bytes, nonce: bytes, salt: bytes, rounds: int, associated: bytes) -> bytes:
        for passphrase in (self.passphrase, self.old_passphrase):
            if passphrase is None:
                continue
            found = _decrypted(self._key(passphrase, salt, rounds), nonce, key, associated)
            if found is not None and len(found) == _KEY_BYTES:
                return found
        tried = "Neither passphrase opens it" if self.old_passphrase else "The passphrase does not open it"
        raise Unsealable(f"{tried}: it was sealed with another one, or its first line was altered.")

    def _key(self, passphrase: str, salt: bytes, rounds: int) -> bytes:
        """The key from a passphrase; worked out once for each salt."""
        what = (passphrase, salt, rounds)
        if what not in self._keys:
            self._keys[what] = hashlib.pbkdf2_hmac("sha512", passphrase.encode(), salt, rounds, _KEY_BYTES)
        return self._keys[what]


def is_sealed(content: bytes) -> bool:
    """Whether a file is one that was sealed, by its first line; also of a version that is not known."""
    line = content[:_HEAD_MOST_BYTES].partition(b"\n")[0]
    return line.startswith(b'{"dcplan":"sealed"')


def _head(line: bytes) -> dict[str, Any] | None:
    """The first line; None when it is none, ``Unsealable`` when another dcplan wrote it."""
    if len(line) > _HEAD_MOST_BYTES or not is_sealed(line):
        return None
    try:
        head = json.loads(line)
    except ValueError:
        raise Unsealable("Its first line is damaged.") from None
    if head.get("version") != SEALED_VERSION:
        raise Unsealable(
            f"It is sealed in version {head.get('version')}, and this dcplan reads version {SEALED_VERSION}."
        )
    return head if isinstance(head, dict) else None


def _bound(head: bytes, associated: bytes) -> bytes:
    """What the ciphertext is bound to: the file's own first line, and what the file is."""
    return hashlib.sha256(head).digest() + associated


def _aes(key: bytes) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - the extra ``encryption``

    return AESGCM(key)


def _decrypted(key: bytes, nonce: bytes, body: bytes, bound: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as above

    try:
        content: bytes = _aes(key).decrypt(nonce, body, bound)
    except (InvalidTag, ValueError):  # ValueError: shorter than a tag
        return None
    return content


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
