"""How a lock looks that is taken from its holder."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from dcplan.cli.views.width import wrapped

if TYPE_CHECKING:
    from dcplan.workflow.unlocking import Holder, Unlocked

_WIDTH = 100


def holder_text(holder: Holder | None, *, before: bool = True) -> str:
    """Whose name is on the lock, and whether that process is there; ``before`` it is taken, or after."""
    if holder is None:
        return f"Nobody {'is' if before else 'was'} seen to hold the lock."
    info = holder.info
    run = f", {info.run_url}" if info.run_url else ""
    who = f"{info.who} (process {info.pid}, {info.operation} since {info.since}{run})"
    if holder.free:
        return wrapped(
            f"It was held by {who}. That process is gone, and the system has let the lock go with it: "
            + ("nothing is locked, and nothing needs" if before else "nothing was locked, and nothing needed")
            + " to be forced.",
            _WIDTH,
        )
    if holder.alive is None:
        state = "It runs on another machine, so it is not known here whether it is still alive"
    elif holder.alive:
        state = "That process is alive"
    else:
        state = "That process is gone; its lease would end by itself"
    return wrapped(f"{f'{who} holds the lock' if before else f'It was held by {who}'}. {state}.", _WIDTH)


def unlocked_text(freed: Unlocked, *, told: bool) -> str:
    """What came of it; ``told``: who holds the lock has been said before."""
    holder, left = freed.holder, freed.open_operations
    parts = [] if told else [holder_text(holder, before=False)]
    if left:
        parts.append("Under way was, and the next apply finds out what came of it:")
        parts += [f"  {operation}" for operation in left]
    if holder is None or holder.free:
        parts.append("The lock is free. Whoever had it all the same can write no more.")
    else:
        parts.append("The lock is free. Whoever held it can write no more.")
    parts.append("Next: dcplan recover" if left else "Next: dcplan plan")
    return "\n".join(parts)


def unlocked_data(freed: Unlocked) -> dict[str, object]:
    """The same for programs; ``alive`` is null where it is not known."""
    holder = freed.holder
    told = None if holder is None else {**asdict(holder.info), "alive": holder.alive, "held": not holder.free}
    return {"holder": told, "open_operations": list(freed.open_operations)}
