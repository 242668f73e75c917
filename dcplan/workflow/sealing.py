"""Keys for saved plans and remote states: from what the document says, and from the environment."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Result, error
from dcplan.plan.sealed import SHORTEST, Sealer, Unsealable
from dcplan.state.errors import StateUnreadable

DEFAULT_VARIABLE = "DCPLAN_PASSPHRASE"
"""Where the passphrase is, unless the document says another place."""

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.workflow.types import Project


def sealer_of(project: Project) -> Result[Sealer]:
    """What seals the files of a project; no value and no diagnostic where the document asks for nothing.

    Diagnostics: a passphrase that is missing or too short, and ``cryptography`` that is not installed.
    """
    from dcplan.config.encryption import declared_encryption  # noqa: PLC0415 - as heavy as YAML
    from dcplan.config.files import default_paths  # noqa: PLC0415 - as above

    paths = project.files or default_paths(project.folder)
    declared = declared_encryption(paths, variables=project.variables, env=project.env)
    said = declared.value
    if said is None:
        return Result(None, declared.diagnostics)
    return made_sealer(
        said.variable, project.env, old_variable=said.old_variable, accepts_plain=said.accepts_plain
    )


def made_sealer(
    variable: str, env: Mapping[str, str], *, old_variable: str | None = None, accepts_plain: bool = False
) -> Result[Sealer]:
    """A sealer with the passphrases of these environment variables."""
    names = [variable, *([old_variable] if old_variable else [])]
    problems = [d for name in names if (d := _unfit(name, env.get(name, ""))) is not None]
    if importlib.util.find_spec("cryptography") is None:
        detail = (
            "Files are encrypted by the library cryptography. Install it: pip install 'dcplan[encryption]'"
        )
        problems.append(error("no-cryptography", "Encryption is not installed", detail))
    if problems:
        return Result(None, tuple(problems))
    old = env[old_variable] if old_variable else None
    return Result(Sealer(passphrase=env[variable], old_passphrase=old, accepts_plain=accepts_plain))


class StateSeal:
    """A sealer as a state on a server wants one."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

    @property
    def accepts_plain(self) -> bool:
        """Whether what is not encrypted may be read."""
        return self._sealer.accepts_plain

    def seal(self, content: bytes, associated: bytes) -> bytes:
        """As ``Sealer.seal``."""
        return self._sealer.seal(content, associated)

    def open(self, sealed: bytes, associated: bytes) -> bytes:
        """As ``Sealer.open``; ``StateUnreadable`` in place of ``Unsealable``."""
        try:
            return self._sealer.open(sealed, associated)
        except Unsealable as problem:
            name = associated.decode(errors="replace")
            raise StateUnreadable(
                f"{name} of the state cannot be decrypted. {problem} Nothing was changed."
            ) from None


def _unfit(name: str, passphrase: str) -> Diagnostic | None:
    if not passphrase:
        detail = f"The document encrypts files with the passphrase in {name}, which is not set here. Set it."
        return error("passphrase-missing", "There is no passphrase", detail)
    if len(passphrase) < SHORTEST:
        detail = f"The passphrase in {name} has fewer than {SHORTEST} characters. Take a longer one."
        return error("passphrase-short", "The passphrase is too short", detail)
    return None
