"""Scenes that are killed at every crash point on a cloud over HTTP, and what must hold afterwards.

A scene is a change on its way to its end.  Its kills come one after the other: each is of the run that takes
up what the one before has left, so that recoveries die, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from dcplan.state import open_store

KILLED = -9


class Stage(Protocol):
    """A project on a cloud."""

    @property
    def folder(self) -> Path:
        """With the document, and ``out``: what the last command printed."""

    def dcplan(self, *arguments: str, crash_at: str | None = None) -> int:
        """The exit status of a command, -9 when it was killed."""

    def write(self, document: str) -> None:
        """Want this."""

    def disturb(self, trouble: Mapping[str, Any]) -> None:
        """Let something go wrong, in the cloud's own words."""

    def doubled(self) -> list[str]:
        """What was made more often than once, or is there and not in the state."""

    def left(self) -> Mapping[str, Any]:
        """What there is in the account."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A change, and where it is killed."""

    kills: tuple[str, ...]
    """``point`` or ``point:passage``, of one run after the other."""
    before: str | None = None
    """What is applied in peace before."""
    document: str
    """What is wanted."""
    command: tuple[str, ...] = ("apply", "-parallelism=1", "the.plan")
    """What is killed; ``the.plan`` is made before anything goes wrong."""
    after: str | None = None
    """What is wanted in the end, where somebody thinks again."""
    trouble: tuple[Mapping[str, Any], ...] = ()
    """What goes wrong meanwhile."""
    long: bool = False
    """Whether only ``make soak`` plays it."""
    answer: tuple[str, ...] | None = None
    """What somebody has to say before ``command`` can end it."""

    @property
    def points(self) -> set[str]:
        """The points at which it is killed."""
        return {kill.partition(":")[0] for kill in self.kills}


def play(stage: Stage, scene: Scene, kills: Sequence[str] | None = None) -> list[int]:
    """Kill the scene at these passages; the exit status of each run.  In the end all is whole, then gone."""
    if scene.before is not None:
        stage.write(scene.before)
        assert stage.dcplan("apply", "-auto-approve") == 0, said(stage)
    stage.write(scene.document)
    assert stage.dcplan("plan", "-out=the.plan") == 0, said(stage)
    for trouble in scene.trouble:
        stage.disturb(trouble)
    died = [stage.dcplan(*scene.command, crash_at=kill) for kill in (scene.kills if kills is None else kills)]
    if scene.after is not None:
        stage.write(scene.after)
    if scene.answer is not None:
        assert stage.dcplan(*scene.answer) == 0, said(stage)
    assert stage.dcplan(*scene.command) == 0, said(stage)
    assert wrongs(stage, gone="destroy" in scene.command) == []
    assert stage.dcplan("destroy", "-auto-approve") == 0, said(stage)
    assert stage.left() == {}
    return died


def unreached(scene: Scene, died: Sequence[int]) -> list[str]:
    """The passages at which it was not killed."""
    return [f"{kill}: {status}" for kill, status in zip(scene.kills, died, strict=True) if status != KILLED]


def said(stage: Stage) -> str:
    """What the last command printed."""
    return (stage.folder / "out").read_text()


def wrongs(stage: Stage, *, gone: bool) -> list[str]:
    """Where world, wish and state differ."""
    found = [*stage.doubled()]
    store = open_store(stage.folder / ".dcplan" / "state.sqlite", create=False).unwrap()
    try:
        if store.open_operations():
            found.append(f"still open: {store.open_operations()}")
    finally:
        store.close()
    if stage.dcplan("orphans") != 0:
        found.append(f"orphans: {said(stage)}")
    if not gone and stage.dcplan("plan", "-detailed-exitcode") != 0:
        found.append(f"left to plan: {said(stage)}")
    return found


def known(folder: Path) -> dict[str, str]:
    """Addresses in the state, and their ids."""
    store = open_store(folder / ".dcplan" / "state.sqlite", create=False).unwrap()
    try:
        return {str(a): str(r.outputs["id"]) for a, r in store.read().resources.items()}
    finally:
        store.close()
