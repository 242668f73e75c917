"""Take away again what a failed run made anew: never less is left than there was before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.apply import messages
from dcplan.apply.engine import Engine
from dcplan.apply.types import OnError, Status
from dcplan.apply.walk import Walk
from dcplan.resources import Action, Address, Change

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from dcplan.apply.setting import Setting
    from dcplan.apply.types import ChangeResult
    from dcplan.diag import Diagnostics
    from dcplan.resources import Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Undone:
    """What was taken away again."""

    addresses: frozenset[Address]
    problems: Diagnostics

    def applied_to(self, results: Sequence[ChangeResult]) -> tuple[ChangeResult, ...]:
        """The results, in which these say so."""
        return tuple(
            replace(r, status=Status.ROLLED_BACK) if r.address in self.addresses else r for r in results
        )


def roll_back(changes: Sequence[Change], made: Collection[Address], setting: Setting) -> Undone:
    """Delete, in order and journaled like any delete, what this run ``made`` that was not there before.

    What is only replaced stays, and so does what that, or anything else that
    was there before, needs now.  Killed in between, the next apply goes on from what is there.
    """
    rows = setting.store.read().resources
    new = {c.address for c in changes if c.action is Action.CREATE} & {*made} & rows.keys()
    kept = _needed(rows, new)
    gone = tuple(
        Change(address=a, action=Action.DELETE, before=rows[a], after=None) for a in sorted(new - kept)
    )
    walk = Walk(gone, setting.store.open_operations(), on_error=OnError.CONTINUE, purpose="rollback")
    engine = Engine(setting, walk)
    engine.run()
    done = frozenset(r.address for r in walk.results() if r.status is Status.DONE)
    told = (messages.kept(sorted(kept)),) if kept else ()
    return Undone(addresses=done, problems=(*told, *walk.problems, *engine.problems))


def _needed(rows: Mapping[Address, Resource], new: Collection[Address]) -> set[Address]:
    """Those of ``new`` that something else needs, directly or not."""
    kept: set[Address] = set()
    todo = [need for address, row in rows.items() if address not in new for need in row.needs]
    while todo:
        address = todo.pop()
        if address in new and address not in kept:
            kept.add(address)
            todo.extend(rows[address].needs)
    return kept
