"""Which backend this folder was prepared for: ``.dcplan/backend.json``, written by ``init`` alone."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from dcplan.diag import Result, error
from dcplan.diag.passwords import without_passwords
from dcplan.disk.private import make_folder

if TYPE_CHECKING:
    from pathlib import Path

    from dcplan.workflow.types import Project

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Where the state is kept."""

    kind: str = "local"
    settings: Mapping[str, str] = field(default_factory=dict)
    """All of them, with ``${env.NAME}`` in place of what comes from the environment."""
    given: Mapping[str, str] = field(default_factory=dict)
    """Those among them that came from ``-backend-config``."""

    def __str__(self) -> str:
        # Settings with a password are refused; a file that somebody edited may hold one all the same.
        told = ", ".join(f"{key} {without_passwords(v)}" for key, v in sorted(self.settings.items()))
        return f"{self.kind} ({told})" if told else self.kind


LOCAL = Backend()
"""Where the state is when nobody says where."""


def backend_file(project: Project) -> Path:
    """Where it is written down."""
    return project.work_folder / "backend.json"


def read_backend(project: Project) -> Result[Backend | None]:
    """What ``init`` wrote down; None, without a diagnostic, where it did not."""
    path = backend_file(project)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("version") != _VERSION:
            raise ValueError("another version of dcplan wrote it")  # noqa: TRY301 - told with the others
        return Result(Backend(**content))
    except FileNotFoundError:
        return Result(None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
        detail = (
            f"{path}, where init wrote down where the state is, cannot be read ({e}). Write it anew with: "
            f"dcplan init -reconfigure"
        )
        return Result(None, (error("backend-unreadable", "It is not known where the state is", detail),))


def write_backend(project: Project, backend: Backend) -> None:
    """Write it down for its owner's eyes only, whole or not at all; OSError when that fails."""
    path = backend_file(project)
    make_folder(path.parent)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump({"version": _VERSION, **asdict(backend)}, file, indent=1, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
