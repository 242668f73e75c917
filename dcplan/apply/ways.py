"""What recovery will do about each open operation, in words; pure, so that a plan can tell it, too."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from dcplan.apply.talk import token_holds
from dcplan.provider import Idempotency
from dcplan.resources import STATE_ACTIONS, Action
from dcplan.state import Phase
from dcplan.units import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcplan.provider import Kind, Provider
    from dcplan.resources import Address
    from dcplan.state import Operation


class Way(StrEnum):
    """How an open operation is brought to its end."""

    WAIT = "wait"
    """The provider has it: wait for what it does."""
    REPLAY = "replay"
    """The same call again, which its token makes safe."""
    LOOK = "look"
    """Adopt what is there, or close it as having made nothing."""
    COMPARE = "compare"
    """An update: done if the object is as wanted, sent again if not."""
    DELETE = "delete"
    """A delete is sent again; gone is done."""
    ASK = "ask"
    """It may have been paid for and cannot be told from a second order: adopted, or left to a person."""
    REPURCHASE = "repurchase"
    """The same, and a person has said that it may be ordered again."""
    TOLD = "told"
    """A person has said which object it made."""
    VOID = "void"
    """A person has said that it made nothing."""
    BACK = "back"
    """A forget or an import: the object gets the owner tag that it had, and the next plan decides anew."""
    STUCK = "stuck"
    """Nobody can be asked: its provider is not set up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """One open operation, and what recovery does about it."""

    operation: Operation
    way: Way
    says: str
    """What is known and what is done, without the operation's name."""

    @property
    def text(self) -> str:
        """One line for people."""
        return f"{self.operation.action} {self.operation.address}: {self.says}"


def describe_open(
    operations: Sequence[Operation],
    providers: Mapping[str, Provider],
    now_s: float,
    *,
    choices: Mapping[Address, str | None] = MappingProxyType({}),
    repurchase: bool = False,
) -> tuple[Prospect, ...]:
    """What ``recover`` does about these operations with these ``choices``; ``now_s`` is Unix time.

    Asks nobody: which objects there are, recovery finds out.
    """
    return tuple(_prospect(o, providers, now_s, choices, repurchase=repurchase) for o in operations)


def _prospect(
    operation: Operation,
    providers: Mapping[str, Provider],
    now_s: float,
    choices: Mapping[Address, str | None],
    *,
    repurchase: bool,
) -> Prospect:
    address = operation.address
    provider = providers.get(address.provider)
    kind = None if provider is None else provider.info.kinds.get(address.kind)
    if address in choices and choices[address] is None:
        way, says = Way.VOID, "you say that nothing was made; it is closed"
    elif kind is None:
        way, says = Way.STUCK, f"provider {address.provider} cannot be asked about it; it stays open"
    elif operation.action in STATE_ACTIONS:
        way = Way.BACK
        says = "its owner tag may have changed; it gets the one that it had, and the next plan decides anew"
    elif address in choices:
        way, says = Way.TOLD, f"you say that it made {choices[address]}; {_waits(operation.action)}"
    elif operation.phase is Phase.ACK:
        way, says = Way.WAIT, f"the provider took it ({operation.object_id}); {_waits(operation.action)}"
    else:
        way = _way(operation, kind, now_s, repurchase=repurchase)
        says = f"no answer is known; {_says(way, kind, operation.action)}"
    return Prospect(operation=operation, way=way, says=says)


def _way(operation: Operation, kind: Kind, now_s: float, *, repurchase: bool) -> Way:
    """As ``calls.begin`` will go about an intent."""
    holds = token_holds(operation, kind, now_s)
    if operation.action is Action.DELETE:
        return Way.DELETE
    if operation.action is Action.CREATE and holds:
        return Way.REPLAY
    no_token = kind.idempotency is not Idempotency.TOKEN if operation.action is Action.CREATE else not holds
    if kind.spends_money and no_token:
        return Way.REPURCHASE if repurchase else Way.ASK
    return Way.LOOK if operation.action is Action.CREATE else Way.COMPARE


def _waits(action: Action) -> str:
    ends = {Action.CREATE: "ready", Action.UPDATE: "changed"}
    return f"waits until it is {ends.get(action, 'gone')}"


def _says(way: Way, kind: Kind, action: Action) -> str:
    window_s = kind.consistency_window_s
    looks = f"looks for it{f' for up to {format_duration(window_s)}' if window_s else ''}"
    if action is Action.UPDATE:
        looks = "compares the object with what was wanted"
    match way:
        case Way.REPLAY:
            return "sends the same call again, which makes nothing twice"
        case Way.LOOK:
            return f"{looks}, adopts what was made, and closes it if nothing was"
        case Way.COMPARE:
            return "takes it as done if the object is as wanted, and sends it again if not"
        case Way.DELETE:
            return "sends it again; gone is done"
        case Way.REPURCHASE:
            return f"{looks}, and orders it again if nothing shows, for which you would pay"
        case _:
            return f"{looks}, and orders nothing again without a word from you, because it may be paid for"
