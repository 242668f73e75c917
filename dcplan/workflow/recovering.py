"""``recover``: what an interrupted apply left open, and what will be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dcplan.apply import Prospect, describe_open
from dcplan.diag import Diagnostic, Diagnostics, Result, did_you_mean, error, has_errors, warning
from dcplan.provider.errors import ProviderError
from dcplan.resources import Action
from dcplan.state import StateError
from dcplan.workflow.checking import check
from dcplan.workflow.history import at_work
from dcplan.workflow.planning import read_state
from dcplan.workflow.refactoring import look_up
from dcplan.workflow.stores import open_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dcplan.resources import Address
    from dcplan.workflow.types import Checked, Project, StateView


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What recovery would do."""

    prospects: tuple[Prospect, ...]

    @property
    def op_ids(self) -> frozenset[str]:
        """Of the operations that are shown, and that somebody may agree to."""
        return frozenset(prospect.operation.op_id for prospect in self.prospects)


def to_recover(
    project: Project, *, choices: Mapping[Address, str | None], repurchase: bool = False
) -> Result[Recovery]:
    """The open operations and what ``finish_interrupted`` does about each.  Takes no lock, changes nothing.

    Providers are asked for chosen objects alone.
    ``choices``: for an address, the id of the object that its operation made, or None for nothing.
    Errors: ``no-such-operation`` for a choice where nothing is open, ``choice-held`` for an object
    that the state has at another address or that was chosen for two, ``choice-other`` for one that its
    provider does not have, or has under another name or owner.
    """
    checked = check(project)
    if checked.value is None:
        return Result(None, checked.diagnostics)
    view = read_state(project)
    said = (*checked.diagnostics, *view.diagnostics)
    if view.value is None:
        return Result(None, said)
    wrong = tuple(_mistaken(view.value, choices)) or tuple(_misnamed(view.value, checked.value, choices))
    if has_errors(wrong):
        return Result(None, (*said, *wrong))
    prospects = describe_open(
        view.value.open,
        checked.value.providers,
        datetime.now(UTC).timestamp(),
        choices=choices,
        repurchase=repurchase,
    )
    return Result(Recovery(prospects=prospects), (*said, *(_in_use(project) if prospects else ())))


def _in_use(project: Project) -> Diagnostics:
    """A warning when somebody holds the lock: what is open may be what they have under way."""
    opened = open_state(project, create=False)
    if opened.value is None:
        return ()
    try:
        holder = at_work(opened.value)
    except StateError:
        return ()  # Whoever takes the lock next will be told why that cannot be done.
    finally:
        opened.value.close()
    if holder is None:
        return ()
    detail = (
        f"{holder} holds the lock. "
        "What is open may be what that has under way, and nothing can be done about it before it ends."
    )
    return (warning("state-in-use", "Another dcplan is at work", detail),)


def _mistaken(view: StateView, choices: Mapping[Address, str | None]) -> list[Diagnostic]:
    """What is wrong with choices, before any of them is believed."""
    known = {operation.address for operation in view.open}
    held = {
        (address.provider, resource.outputs.get("id")): address
        for address, resource in view.state.resources.items()
    }
    problems: list[Diagnostic] = []
    for address, object_id in choices.items():
        if address not in known:
            hint = did_you_mean(str(address), [str(a) for a in known])
            detail = f"A choice was made for {address}, but nothing is open there. {hint}".strip()
            problems.append(error("no-such-operation", "No interrupted operation there", detail))
        holder = held.get((address.provider, object_id)) if object_id is not None else None
        if holder is not None and holder != address:
            is_it = "in the state" if holder in view.state.resources else "by another choice"
            detail = (
                f"{object_id} is {holder} {is_it}, so the operation on {address} cannot have made it. "
                f"Look again which object it made; if it made none: -choose {address}=none"
            )
            problems.append(error("choice-held", "The chosen object is another resource's", detail))
        if holder is None and object_id is not None:
            held[address.provider, object_id] = address  # No other operation can have made it as well.
    return problems


def _misnamed(
    view: StateView, checked: Checked, choices: Mapping[Address, str | None]
) -> Iterator[Diagnostic]:
    """Errors for objects that cannot be what these operations made, as their providers have them."""
    actions = {operation.address: operation.action for operation in view.open}
    lineage = view.state.lineage
    for address, object_id in choices.items():
        provider = checked.providers.get(address.provider)
        if object_id is None or provider is None:
            continue
        try:
            found = look_up(provider, address, object_id, lineage)
        except ProviderError as problem:
            yield error(problem.code, problem.summary, problem.detail, address=str(address))
            continue
        if found is None:
            what = f"{address.provider} has no {address.kind} with the id {object_id}"
        elif found.lineage not in {None, lineage}:
            what = f"{object_id} carries the owner tag of another state ({found.lineage})"
        elif actions[address] is Action.CREATE and found.address.name != address.name:
            what = f"{object_id} is called {found.address.name}"
        else:
            continue
        detail = (
            f"{what}, so the operation on {address} cannot have made it. Look again which object it made; if "
            f"it made none: -choose {address}=none"
        )
        yield error("choice-other", "The operation cannot have made the chosen object", detail)
