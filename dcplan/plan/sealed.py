"""Encrypted files: AES-256-GCM with a fresh key per file, wrapped by a key from a passphrase or a service.

    {"dcplan":"sealed","version":1,"rounds":600000,"salt":"...","nonce":"...","key":"...","key_nonce":"..."}
    <ciphertext>

    {"dcplan":"sealed","version":2,"by":"aws_kms","key_id":"...","wrapped":"...","nonce":"...",...}
    <ciphertext>

The first line is bound to the ciphertext as associated data, together with what the caller says the
file is: a file put in another's place does not open.  Key from the passphrase: PBKDF2 with
HMAC-SHA-512 (RFC 8018), 600,000 rounds and more; AES-GCM: NIST SP 800-38D.  A service is asked for a key
once in a run that writes, and once for each such key that a run reads; ``key_id`` is for people alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from dcplan.plan.key_services import FreshKey, KeyRefused, KeyService

ROUNDS = 600_000
"""Of PBKDF2; OWASP's cheat sheet on passwords asks for 210,000 with SHA-512."""
_MOST_ROUNDS = 10_000_000
"""A file cannot make its reader work for longer."""
SHORTEST = 16
"""Characters of a passphrase, at least."""
SEALED_VERSION = 1
"""Of files with a key from a passphrase."""
SERVED_VERSION = 2
"""Of files with a key from a service."""
_KIND = "sealed"
_HEAD_MOST_BYTES = 8000
_SALT_BYTES = 16
_NONCE_BYTES = 12
_KEY_BYTES = 32
_SHOWN = re.compile(r"[A-Za-z0-9_:/.@+=-]{1,600}")
"""What a first line may have shown to people."""

T = TypeVar("T")


class Unsealable(Exception):  # noqa: N818 - a state of things, as those of the state
    """A file cannot be sealed or opened; ``str()`` is a sentence for people, without the file's name."""


@dataclass(slots=True)
class Sealer:
    """Seals with one passphrase or service, and opens with that or with the one before it."""

    passphrase: str | None = field(default=None, repr=False)
    old_passphrase: str | None = field(default=None, repr=False)
    accepts_plain: bool = False
    """Whether files that are not sealed may be read."""
    rounds: int = ROUNDS
    service: KeyService | None = None
    """In place of ``passphrase``."""
    old_service: KeyService | None = None
    """In place of ``old_passphrase``."""
    _salt: bytes | None = None
    _keys: dict[tuple[str, bytes, int], bytes] = field(default_factory=dict, repr=False)
    _fresh: FreshKey | None = None
    _unwrapped: dict[tuple[str, bytes], bytes] = field(default_factory=dict, repr=False)
    _asking: threading.Lock = field(default_factory=threading.Lock, repr=False)
    """One call of a service at a time, so that many threads with one key make one call."""

    def seal(self, content: bytes, associated: bytes) -> bytes:
        """The content, sealed and bound to ``associated``, which must be the same when it is opened.

        ``Unsealable`` when a service gives no key.
        """
        about, wrapping = self._wrapping()
        data_key, nonce, key_nonce = (
            secrets.token_bytes(n) for n in (_KEY_BYTES, _NONCE_BYTES, _NONCE_BYTES)
        )
        head = json.dumps(
            {
                "dcplan": _KIND,
                **about,
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
            nonce, key, key_nonce = (_bytes(head[n]) for n in ("nonce", "key", "key_nonce"))
        except (KeyError, ValueError, TypeError):
            raise Unsealable("Its first line is damaged.") from None
        if len(nonce) != _NONCE_BYTES or len(key_nonce) != _NONCE_BYTES:
            raise Unsealable("Its first line is damaged: no dcplan writes such figures.")
        if head["version"] == SEALED_VERSION:
            data_key = self._by_passphrase(head, key, key_nonce, associated)
        else:
            data_key = self._by_service(head, key, key_nonce, associated)
        content = _decrypted(data_key, nonce, body, _bound(head_bytes, associated))
        if content is None:
            raise Unsealable(
                "Its key fits and its content does not: it is cut off, altered or in another's place."
            )
        return content

    def _wrapping(self) -> tuple[Mapping[str, Any], bytes]:
        """What the first line says of the key that wraps, and that key; the same for all files of a run."""
        if self.service is not None:
            with self._asking:
                if self._fresh is None:
                    fresh = _asked(self.service.fresh)
                    if len(fresh.key) != _KEY_BYTES:
                        raise Unsealable(f"{self.service.kind} gave a key that is not of {_KEY_BYTES} bytes.")
                    self._fresh = fresh
            said = {"by": self.service.kind, "key_id": self.service.key_id}
            about = {"version": SERVED_VERSION, **said, "wrapped": _text(self._fresh.wrapped)}
            return about, self._fresh.key
        if self.passphrase is None:
            msg = "a sealer has neither a passphrase nor a service. This is a bug in dcplan."
            raise ValueError(msg)
        if self._salt is None:
            self._salt = secrets.token_bytes(_SALT_BYTES)
        about = {"version": SEALED_VERSION, "rounds": self.rounds, "salt": _text(self._salt)}
        return about, self._key(self.passphrase, self._salt, self.rounds)

    def _by_passphrase(self, head: Mapping[str, Any], key: bytes, nonce: bytes, associated: bytes) -> bytes:
        """The key of a file that a passphrase opens."""
        try:
            salt, rounds = _bytes(head["salt"]), head["rounds"]
        except (KeyError, ValueError, TypeError):
            raise Unsealable("Its first line is damaged.") from None
        if type(rounds) is not int or not ROUNDS <= rounds <= _MOST_ROUNDS or len(salt) != _SALT_BYTES:
            raise Unsealable("Its first line is damaged: no dcplan writes such figures.")
        passphrases = [p for p in (self.passphrase, self.old_passphrase) if p is not None]
        if not passphrases:
            raise Unsealable(
                "A passphrase opens it, and the document names none. Name it for a while with "
                "encryption: {fallback: {passphrase: {env: NAME}}}."
            )
        for passphrase in passphrases:
            found = _decrypted(self._key(passphrase, salt, rounds), nonce, key, associated)
            if found is not None and len(found) == _KEY_BYTES:
                if self._salt is None and passphrase == self.passphrase:
                    self._salt, self.rounds = salt, rounds  # One derivation for a log, however many wrote it.
                return found
        tried = "Neither passphrase opens it" if len(passphrases) > 1 else "The passphrase does not open it"
        raise Unsealable(
            f"{tried}: it was sealed with another one, its first line was altered, or it is in another's "
            "place."
        )

    def _by_service(self, head: Mapping[str, Any], key: bytes, nonce: bytes, associated: bytes) -> bytes:
        """The key of a file that a service opens; only keys that the document names are asked."""
        try:
            by, key_id, wrapped = str(head["by"]), str(head["key_id"]), _bytes(head["wrapped"])
        except (KeyError, ValueError, TypeError):
            raise Unsealable("Its first line is damaged.") from None
        if not (_SHOWN.fullmatch(by) and _SHOWN.fullmatch(key_id)):
            raise Unsealable("Its first line is damaged: no dcplan writes such figures.")
        services = [s for s in (self.service, self.old_service) if s is not None and s.kind == by]
        if not services:
            raise Unsealable(
                f"The key {key_id} of {by} opens it, and the document names no key of {by}. Name it for a "
                "while under encryption: fallback."
            )
        problems = []
        for service in sorted(services, key=lambda s: s.key_id != key_id):
            try:
                unwrapped = self._unwrapped_by(service, wrapped)
            except Unsealable as problem:
                problems.append(str(problem))
                continue
            found = _decrypted(unwrapped, nonce, key, associated)
            if found is not None and len(found) == _KEY_BYTES:
                return found
            raise Unsealable("Its first line was altered, or it is in another's place.")
        raise Unsealable(" ".join(problems))

    def _unwrapped_by(self, service: KeyService, wrapped: bytes) -> bytes:
        """The key in its wrapping; asked for once."""
        with self._asking:
            fresh, what = self._fresh, (service.key_id, wrapped)
            if service is self.service and fresh is not None and fresh.wrapped == wrapped:
                return fresh.key
            if what not in self._unwrapped:
                self._unwrapped[what] = _asked(lambda: service.unwrap(wrapped))
            return self._unwrapped[what]

    def _key(self, passphrase: str, salt: bytes, rounds: int) -> bytes:
        """The key from a passphrase; worked out once for each salt."""
        what = (passphrase, salt, rounds)
        if what not in self._keys:
            # As the system gave it: an environment may hold bytes that are no text.
            given = passphrase.encode(errors="surrogateescape")
            self._keys[what] = hashlib.pbkdf2_hmac("sha512", given, salt, rounds, _KEY_BYTES)
        return self._keys[what]


def _asked(call: Callable[[], T]) -> T:
    """What a service gives; ``Unsealable`` where it gives nothing."""
    try:
        return call()
    except KeyRefused as problem:
        raise Unsealable(str(problem)) from problem


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
    except (ValueError, RecursionError):
        raise Unsealable("Its first line is damaged.") from None
    version = head.get("version")
    if type(version) is not int or version not in (SEALED_VERSION, SERVED_VERSION):
        told = version if type(version) is int else "unknown"
        raise Unsealable(
            f"It is sealed in version {told}, and this dcplan reads {SEALED_VERSION} and {SERVED_VERSION}."
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
