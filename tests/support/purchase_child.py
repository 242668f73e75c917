"""Applies of things that are paid for and have no tokens, in processes that may be killed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from crash_child import World, resource, store_in
from dcplan.apply import ApplyOptions, execute, recover
from dcplan.state import LockInfo
from fork_server import Job, serve
from sized import changes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.provider import Provider
    from dcplan.resources import Address, Resource

NAMES = ("a", "b", "c")


def wanted() -> Mapping[Address, Resource]:
    """Three purchases."""
    return {r.address: r for r in (resource("tag", name, size=1) for name in NAMES)}


def shop(folder: Path) -> World:
    """A world in which whatever has no token is paid for, and nothing can be given back."""
    world = World(folder / "world.db")
    kinds = {name: replace(kind, spends_money=name == "tag") for name, kind in world.info.kinds.items()}
    world.info = replace(world.info, kinds=kinds)
    return world


def apply(folder: Path, *, repurchase: bool) -> bool:
    """Resolve what is open, then buy what is missing.  Whether all is done."""
    store, world = store_in(folder), shop(folder)
    providers: dict[str, Provider] = {"world": world}  # type: ignore[dict-item] - acts and looks, no more
    options = ApplyOptions(parallelism=2, base_delay_s=0.001, repurchase=repurchase)
    try:
        info = LockInfo(pid=os.getpid(), who="a@b", operation="apply", since="now")
        with store.lock(info).unwrap():
            recovered = recover(store=store, providers=providers, run_id="r", options=options)
            made = execute(
                changes(store.read(), wanted()), store=store, providers=providers, run_id="r", options=options
            )
            return recovered.ok and made.ok
    finally:
        store.close()
        world.close()


def _run(job: Job) -> int:
    """One apply; 0 when all is done."""
    return 0 if apply(Path(job["folder"]), repurchase=job["repurchase"]) else 1


if __name__ == "__main__":
    serve(_run)
