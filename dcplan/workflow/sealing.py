"""Keys for saved plans and remote states: from what the document says, and from the environment."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Diagnostics, Result, error, has_errors
from dcplan.plan.key_services import open_keys
from dcplan.plan.sealed import SHORTEST, Sealer, Unsealable
from dcplan.state.errors import StateError, StateUnreadable
from dcplan.workflow.types import DEFAULT_WORKSPACE

DEFAULT_VARIABLE = "DCPLAN_PASSPHRASE"
"""Where the passphrase is, unless the document says another place."""

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.config.encryption import Key
    from dcplan.plan.key_services import KeyService
    from dcplan.workflow.types import Project


def sealer_of(project: Project) -> Result[Sealer]:
    """What seals the files of a project; no value and no diagnostic where the document asks for nothing.

    Diagnostics: a passphrase that is missing or too short, a service of keys that cannot be used as the
    document says, and ``cryptography`` that is not installed.  No service is asked yet.
    """
    from dcplan.config.encryption import declared_encryption  # noqa: PLC0415 - as heavy as YAML
    from dcplan.config.files import default_paths  # noqa: PLC0415 - as above

    paths = project.files or default_paths(project.folder)
    declared = declared_encryption(paths, variables=project.variables, env=project.env)
    said = declared.value
    if said is None:
        return Result(None, declared.diagnostics)
    key, key_told = _key_of(said.key, project.env)
    old, old_told = (None, ()) if said.old is None else _key_of(said.old, project.env)
    problems = (*said.source.place((*key_told, *old_told)), *_without_library())
    if has_errors(problems):
        return Result(None, problems)
    return Result(
        Sealer(
            passphrase=key if isinstance(key, str) else None,
            old_passphrase=old if isinstance(old, str) else None,
            service=None if isinstance(key, str) else key,
            old_service=None if isinstance(old, str) else old,
            accepts_plain=said.accepts_plain,
        )
    )


def made_sealer(variable: str, env: Mapping[str, str], *, accepts_plain: bool = False) -> Result[Sealer]:
    """A sealer with the passphrase of this environment variable."""
    unfit = _unfit(variable, env.get(variable, ""))
    problems = (*(() if unfit is None else (unfit,)), *_without_library())
    if problems:
        return Result(None, problems)
    return Result(Sealer(passphrase=env[variable], accepts_plain=accepts_plain))


def _key_of(key: Key, env: Mapping[str, str]) -> tuple[str | KeyService | None, Diagnostics]:
    """The passphrase, or the service; None with an error."""
    if key.kind != "passphrase":
        opened = open_keys(key.kind, key.settings, key.path)
        return opened.value, opened.diagnostics
    name = str(key.settings["env"])
    unfit = _unfit(name, env.get(name, ""))
    return (env[name], ()) if unfit is None else (None, (unfit,))


def _without_library() -> Diagnostics:
    if importlib.util.find_spec("cryptography") is not None:
        return ()
    detail = "Files are encrypted by the library cryptography. Install it: pip install 'dcplan[encryption]'"
    return (error("no-cryptography", "Encryption is not installed", detail),)


class StateSeal:
    """A sealer as the state of a workspace on a server wants one."""

    def __init__(self, sealer: Sealer, workspace: str = DEFAULT_WORKSPACE) -> None:
        self._sealer = sealer
        self.workspace = workspace

    @property
    def accepts_plain(self) -> bool:
        """Whether what is not encrypted may be read."""
        return self._sealer.accepts_plain

    def seal(self, content: bytes, associated: bytes) -> bytes:
        """As ``Sealer.seal``; ``StateError`` in place of ``Unsealable``: nothing was sent."""
        try:
            return self._sealer.seal(content, associated)
        except Unsealable as problem:
            name = _name(associated)
            raise StateError(f"{name} of the state cannot be encrypted. {problem}") from None

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """As ``Sealer.open``; ``StateUnreadable`` in place of ``Unsealable``."""
        try:
            return self._sealer.open(sealed, associated)
        except Unsealable as problem:
            name = _name(associated)
            raise StateUnreadable(
                f"{name} of the state cannot be decrypted. {problem} Nothing was changed."
            ) from None


def _name(associated: bytes) -> str:
    """Of the blob, which stands in the first line."""
    return associated.partition(b"\n")[0].decode(errors="replace")


def _unfit(name: str, passphrase: str) -> Diagnostic | None:
    if not passphrase:
        detail = f"The document encrypts files with the passphrase in {name}, which is not set here. Set it."
        return error("passphrase-missing", "There is no passphrase", detail)
    if len(passphrase) < SHORTEST:
        detail = f"The passphrase in {name} has fewer than {SHORTEST} characters. Take a longer one."
        return error("passphrase-short", "The passphrase is too short", detail)
    return None
