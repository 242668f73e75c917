"""What machines boot with: a script that keeps running what dcplan says, and the user's own before it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import ClassVar

from dcplan.provider.start_up import Agent, StartUp
from dcplan.provider.templating import rendered

RUNS = "dcplan-runs-"
"""Begins the tags of an instance that name the parameters of what runs on it; the token follows."""

MOST_BYTES = 16 * 1024
"""Of user data, before it is encoded (EC2 User Guide, "Run commands when you launch an EC2 instance")."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Agent(Agent):
    """Asks tags and Systems Manager."""

    source: ClassVar[str] = "dcplan_aws/agent.sh.j2"


@functools.cache
def user_data(launcher: str | None, start_up: StartUp | None = None) -> str | None:
    """For machines whose image has a launcher at this path, and what to run first; None without either.

    The same text for the same arguments, as tokens need.  ``start_up`` is a script, run by ours, or a
    cloud-config, which cloud-init reads before it runs scripts.
    """
    if launcher is None:
        return None if start_up is None else start_up.text
    if start_up is None or start_up.is_script:
        return rendered(_Agent(launcher=launcher, prefix=RUNS, start_up=start_up))
    return _both(start_up, rendered(_Agent(launcher=launcher, prefix=RUNS)))


def _both(config: StartUp, script: str) -> str:
    """Several parts, as cloud-init takes them (cloud-init documentation, "User-data formats")."""
    from email.mime.multipart import MIMEMultipart  # noqa: PLC0415 - only where there are several
    from email.mime.text import MIMEText  # noqa: PLC0415 - as above

    whole = MIMEMultipart(boundary=config.end)
    for kind, text in (("cloud-config", config.text), ("x-shellscript", script)):
        whole.attach(MIMEText(text, kind, "us-ascii" if text.isascii() else "utf-8"))
    return whole.as_string()
