"""What runs on every machine from its first boot: a script that keeps running what dcplan says."""

from __future__ import annotations

import functools
from pathlib import Path

STARTUP = "startup-script"
"""The metadata key of the script that Google's guest environment runs at each boot, on TPU hosts as well."""

_MARK = "@LAUNCHER@"


@functools.cache
def startup_script(launcher: str) -> str:
    """The script for machines whose image has a launcher at this path; the same text for the same path."""
    return Path(__file__).with_name("agent.sh").read_text(encoding="utf-8").replace(_MARK, launcher)
