"""Where live catalogues are kept: one file a provider, ``.dcplan/catalog/<provider>.json``, mode 0600."""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from dcplan.catalog.live_codec import from_json, to_json
from dcplan.diag import Result, error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.catalog.live_types import LiveCatalog
    from dcplan.workflow.types import Project


def live_folder(project: Project) -> Path:
    """The folder of all of them; every workspace of a project uses it."""
    return project.work_folder / "catalog"


def live_catalogs(project: Project) -> Result[Mapping[str, LiveCatalog]]:
    """What was last asked of each cloud, by provider; nothing where nobody asked.

    A file that cannot be read is an error: planning on, with other prices, would be worse.
    """
    found: dict[str, LiveCatalog] = {}
    problems = []
    try:
        paths = sorted(live_folder(project).glob("*.json"))
    except OSError:
        paths = []
    for path in paths:
        try:
            seen = path.stat()
            live = _read(path, seen.st_mtime_ns, seen.st_size)
            if live.provider != path.stem:
                raise ValueError(f"it is of {live.provider}")  # noqa: TRY301 - told with the others
            found[path.stem] = live
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as problem:
            detail = (
                f"{path}, which dcplan catalog refresh wrote, cannot be read ({type(problem).__name__}: "
                f"{problem}). Delete it: the prices are those that ship with dcplan then, until the next "
                "refresh."
            )
            problems.append(error("catalog-unreadable", "Refreshed prices cannot be read", detail))
    return Result(None if problems else found, tuple(problems))


@lru_cache(maxsize=8)
def _read(path: Path, _mtime_ns: int, _size: int) -> LiveCatalog:
    """A file, read once as long as it does not change: a command looks at its document more than once."""
    return from_json(json.loads(path.read_text(encoding="utf-8")))


def write_live(project: Project, live: LiveCatalog) -> Path:
    """Keep it for the next plans, whole or not at all; OSError when that fails."""
    path = live_folder(project) / f"{live.provider}.json"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(to_json(live), file, separators=(",", ":"))
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    return path
