"""What machines boot with: a script that keeps running what dcplan says, and the user's own before it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar

from dcplan.provider.start_up import Agent, StartUp
from dcplan.provider.templating import rendered

STARTUP = "startup-script"
"""The metadata key of the script that Google's guest environment runs at each boot, on TPU hosts as well."""

PREFIX = "dcplan-run-"
"""Begins the metadata keys that say what shall run."""

MOST_BYTES = 256 * 1024
"""Of one value of metadata (Compute Engine documentation, "About VM metadata")."""


OURS_BYTES = 8 * 1024
"""Of it are left to dcplan's own part, which has less; a test holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Agent(Agent):
    """Asks the metadata server."""

    source: ClassVar[str] = "dcplan_gcp/agent.sh.j2"


@functools.cache
def startup_script(launcher: str | None, start_up: StartUp | None = None) -> str | None:
    """For machines whose image has a launcher at this path, and what to run first; None without either."""
    if launcher is None:
        return None if start_up is None else start_up.text
    return rendered(_Agent(launcher=launcher, prefix=PREFIX, start_up=start_up))
