"""Cloud KMS on this machine: keys that wrap, judged by Google's own description of the API.

What it is sent must have the right checksums; a ciphertext opens by its own key and data alone.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from dcplan_gcp.checksums import crc32c
from gcs_discovery import Misused, described
from loopback import Handler, on_loopback

RING = "projects/p/locations/europe-west4/keyRings/ring/cryptoKeys"


class Refused(Exception):  # noqa: N818 - a state of things
    """An answer that is an error of the API."""

    def __init__(self, status: int, state: str, message: str) -> None:
        super().__init__(message)
        self.status, self.state = status, state


@dataclass(slots=True)
class World:
    """What the server holds."""

    keys: dict[str, bytes] = field(default_factory=dict)
    disabled: set[str] = field(default_factory=set)
    forbidden: set[str] = field(default_factory=set)
    """Names of methods that nobody may call."""
    drops: int = 0
    """So many requests are not answered."""
    garbles: bool = False
    """Answers are changed on their way."""
    seen: list[str] = field(default_factory=list)
    """The method of each request, in order."""
    misused: list[str] = field(default_factory=list)
    """What did not fit the description: requests of a client, or answers of ours."""

    def made(self, name: str) -> str:
        """A new key."""
        self.keys[f"{RING}/{name}"] = AESGCM.generate_key(256)
        return f"{RING}/{name}"

    def act(self, verb: str, name: str, body: dict[str, str]) -> dict[str, Any]:
        """What an encrypt or a decrypt gives."""
        if verb in self.forbidden:
            raise Refused(403, "PERMISSION_DENIED", f"Permission denied on resource '{name}'.")
        if name not in self.keys:
            raise Refused(404, "NOT_FOUND", f"CryptoKey {name} not found.")
        if name in self.disabled:
            raise Refused(400, "FAILED_PRECONDITION", f"{name}/cryptoKeyVersions/1 is not enabled.")
        bound, cipher = _sent(body, "additionalAuthenticatedData"), AESGCM(self.keys[name])
        if verb == "encrypt":
            nonce = secrets.token_bytes(12)
            wrapped = nonce + cipher.encrypt(nonce, _sent(body, "plaintext"), bound)
            checked = {"verifiedPlaintextCrc32c": True, "verifiedAdditionalAuthenticatedDataCrc32c": True}
            return {"name": f"{name}/cryptoKeyVersions/1", **self._told("ciphertext", wrapped), **checked}
        wrapped = _sent(body, "ciphertext")
        try:
            plain = cipher.decrypt(wrapped[:12], wrapped[12:], bound)
        except InvalidTag:
            raise Refused(400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.") from None
        return self._told("plaintext", plain)

    def _told(self, part: str, content: bytes) -> dict[str, str]:
        checksum = crc32c(content) ^ self.garbles
        return {part: base64.b64encode(content).decode(), f"{part}Crc32c": str(checksum)}


def _sent(body: dict[str, str], part: str) -> bytes:
    content = base64.b64decode(body[part], validate=True)
    if crc32c(content) != int(body[f"{part}Crc32c"]):
        raise Refused(400, "INVALID_ARGUMENT", f"The checksum of {part} does not match.")
    return content


class _Handler(Handler):
    world: World

    def serve(self) -> None:
        body = json.loads(self.body())
        if self.world.drops:
            self.world.drops -= 1
            self.close_connection = True
            return
        status, told = self._answer(body)
        self.reply(status, json.dumps(told).encode())

    def _answer(self, body: dict[str, str]) -> tuple[int, Any]:
        api = described("cloudkms.v1")
        try:
            method, named = api.match(self.command, self.path)
            self.world.seen.append(method.id)
            api.check_body(method, "request", body)
            told = self.world.act(method.id.rpartition(".")[2], named["name"], body)
            api.check_body(method, "response", told)
        except Refused as problem:
            about = {"code": problem.status, "status": problem.state, "message": str(problem)}
            return problem.status, {"error": about}
        except Misused as problem:
            self.world.misused.append(str(problem))
            return 400, {"error": {"message": str(problem)}}
        return 200, told


@contextmanager
def gcp_kms_server() -> Iterator[tuple[str, World]]:
    """The address of a server on a free port, and what it holds."""
    world = World()
    handler = type("Handler", (_Handler,), {"world": world})
    with on_loopback(handler) as port:
        yield f"http://127.0.0.1:{port}", world
