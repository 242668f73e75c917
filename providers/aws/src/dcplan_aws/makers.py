"""What each kind of object can do; ``acting`` drives them."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dcplan.provider.errors import AlreadyGone, Conflict, Invalid
from dcplan.provider.start_up import StartUp
from dcplan.provider.types import Ack, Found, Request
from dcplan.resources import JsonValue
from dcplan_aws.api import Api
from dcplan_aws.owner import By

Outputs = Mapping[str, JsonValue]


class Ended(AlreadyGone):
    """What was being made was seen, and has come to its end."""


class Maker(Protocol):
    """One kind of object.  Everything raises ``ProviderError`` and nothing else."""

    def region(self, request: Request) -> str:
        """Where the object is or shall be."""

    def create(self, request: Request) -> Ack:
        """Make it, or find what this very request has made."""

    def update(self, request: Request) -> Ack:
        """Change it; ``AlreadyGone`` where it is not there."""

    def delete(self, request: Request) -> Ack:
        """Begin to delete it; ``AlreadyGone`` where it is not there."""

    def settle(self, request: Request, object_id: str) -> Outputs | None:
        """Its outputs once it is ready; makes the parts that are missing.  None: look again later.

        ``AlreadyGone`` where it is not visible.
        """

    def gone(self, request: Request, object_id: str) -> bool:
        """Whether its deletion has come to its end; deletes the parts that are left."""

    def seen(self, region: str, by: By) -> Sequence[Found]:
        """The objects there that a look is for."""

    def parts(self, region: str, object_id: str) -> Sequence[str]:
        """What of EC2 there carries the owner's tag, by id, the object itself last; nothing where none is."""

    def region_of(self, object_id: str, attributes: Mapping[str, JsonValue]) -> str | None:
        """Where an object is that was made; None where nobody can tell."""


@dataclass(slots=True)
class Shared:
    """What the makers of one provider share."""

    api: Api
    start_up: StartUp | None = None
    """What machines run first."""
    _locks: defaultdict[str, threading.Lock] = field(default_factory=lambda: defaultdict(threading.Lock))
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _deletes: set[str] = field(default_factory=set)
    """Tokens of deletes that were sent from here."""

    def lock(self, token: str) -> threading.Lock:
        """One at a time, for calls that AWS does not tell apart."""
        with self._guard:
            return self._locks[token]

    def deletes(self, request: Request) -> Ack:
        """Note that this delete is under way."""
        self._deletes.add(request.token)
        return Ack(object_id=object_id_of(request))

    def has_deleted(self, request: Request) -> bool:
        """Whether this very delete was sent from here before."""
        return request.token in self._deletes


@dataclass(frozen=True, slots=True)
class Regional:
    """What is common to makers of objects whose attributes say in which region they are."""

    shared: Shared

    def region(self, request: Request) -> str:
        """As its attributes say."""
        return text_of(request, "region")

    def region_of(self, object_id: str, attributes: Mapping[str, JsonValue]) -> str | None:  # noqa: ARG002 - as the protocol has it
        """As its attributes say."""
        region = attributes.get("region")
        return region if isinstance(region, str) else None


def text_of(request: Request, name: str) -> str:
    """An attribute that must be there; ``Invalid`` where it is not."""
    value = request.attributes.get(name)
    if not isinstance(value, str) or not value:
        raise Invalid(f"{request.address} was asked for without its {name}. This is a bug in dcplan.")
    return value


def object_id_of(request: Request) -> str:
    """The object that an update or delete is about; ``AlreadyGone`` where none is named."""
    if not request.object_id:
        raise AlreadyGone(f"There is no object of {request.address} to change.")
    return request.object_id


def need(request: Request, kind: str, name: str) -> JsonValue:
    """An output of the one need of a kind; None where there is no such need."""
    for address, outputs in request.needs.items():
        if address.split(".", 2)[1] == kind:
            return outputs.get(name)
    return None


def needs(request: Request, kind: str) -> dict[str, Mapping[str, JsonValue]]:
    """The outputs of all needs of a kind, by name."""
    split = {address: address.split(".", 2) for address in request.needs}
    return {parts[2]: request.needs[address] for address, parts in split.items() if parts[1] == kind}


def gone(request: Request) -> AlreadyGone:
    """There is no such object."""
    return AlreadyGone(f"{request.address} ({request.object_id}) is not there any more.")


def ours(request: Request, there: Sequence[Found]) -> Found | None:
    """What this very request has made, if it has made something.

    ``Conflict`` where its token has made something else.
    """
    for one in there:
        if (one.address, one.lineage) != (request.address, request.lineage):
            raise Conflict(
                f"The token of {request.address} has made {one.object_id} before, which is {one.address}."
            )
        return one
    return None
