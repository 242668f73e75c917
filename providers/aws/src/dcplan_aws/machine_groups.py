"""Machine groups: a record of what was asked for, a launch template, and a group of one of AWS's services.

The object is a parameter, as an endpoint is; template, program and group are its parts, named by the token
and made where they are missing.  A group is had whole or not at all: what was sold out is taken away before
that is told, and one that could not grow goes back to the size it had.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from dcplan.provider.errors import AlreadyGone, ProviderError
from dcplan.provider.types import Ack, Found, Request
from dcplan.resources import Action, JsonValue
from dcplan_aws.group_parts import (
    Call,
    delete_program,
    delete_template,
    living,
    program_name,
    put_program,
    tag_parts,
)
from dcplan_aws.makers import Outputs, Shared, gone, object_id_of, text_of
from dcplan_aws.owner import By
from dcplan_aws.programs import Parameter, Parameters, home_of, split
from dcplan_aws.sold_out import recalled, remembered

_AT_LEAST, _AT_MOST = "at_least", "at_most"


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept of a group."""

    kept: Parameter

    @property
    def token(self) -> str:
        """Of the call that made it; its parts are named by it."""
        return str(self.kept.says["token"])

    @property
    def region(self) -> str:
        """Where it is."""
        return self.kept.region

    @property
    def program(self) -> str:
        """The parameter that its machines read; its name stays what it was when they were started."""
        return program_name(home_of(self.kept.name), self.token)

    @property
    def attributes(self) -> dict[str, JsonValue]:
        """What was asked for last."""
        return unpacked(self.kept.says["packed"])

    @property
    def former(self) -> dict[str, JsonValue] | None:
        """What was asked for before, until the group is as it is asked for now."""
        packed_ = self.kept.says.get("former")
        return None if packed_ is None else unpacked(packed_)

    @property
    def since(self) -> str | None:
        """What its service told last before it was asked to change."""
        return self.kept.says.get("since")

    @property
    def refused(self) -> ProviderError | None:
        """Why it could not be had; then it is being taken away."""
        return recalled(self.kept.says.get("refused"))


@dataclass(frozen=True, slots=True)
class Standing:
    """A group as its service shows it."""

    name: str
    at_least: int
    at_most: int
    serving: int
    """Machines that are there and ready."""
    leaving: bool
    shown: Mapping[str, Any]


class Service(Protocol):
    """One of AWS's services that have groups; raises ``ProviderError`` and nothing else."""

    @property
    def programs(self) -> bool:
        """Whether its machines read what they run from a parameter."""

    def check(self, request: Request) -> None:
        """Raise where the request cannot be made as it is, before anything is made of it."""

    def look(self, region: str, records: Sequence[Record]) -> Mapping[str, Standing]:
        """The groups of these records that there are, by token."""

    def make(self, record: Record, request: Request) -> None:
        """Make what is missing of template and group."""

    def resize(self, record: Record, there: Standing, at_least: int, at_most: int) -> None:
        """Let it have so many machines."""

    def remove(self, record: Record, there: Standing) -> None:
        """Begin to delete it with its machines."""

    def refusal(self, record: Record, there: Standing) -> ProviderError | None:
        """Why machines that were asked for are not had; None while that may come."""

    def latest(self, record: Record, there: Standing) -> str | None:
        """By what it is known later which refusals are older."""

    def settled(self, record: Record, there: Standing) -> None:
        """Do what is left to do once its machines are there."""

    def handing(self, record: Record, there: Standing, lineage: str) -> Sequence[Call]:
        """The calls that give it another owner's tag, or none."""


@dataclass(frozen=True, slots=True)
class MachineGroups:
    """The groups of one kind."""

    shared: Shared
    kind: str
    service: Service

    @property
    def kept(self) -> Parameters:
        """Where the records are."""
        return Parameters(self.shared, self.kind)

    def region(self, request: Request) -> str:
        """As its attributes say."""
        return text_of(request, "region")

    def region_of(self, object_id: str, attributes: Mapping[str, JsonValue]) -> str | None:  # noqa: ARG002 - as the protocol has it
        """As its id says."""
        return object_id.partition(":")[0] if ":" in object_id else None

    def create(self, request: Request) -> Ack:
        """Keep what shall be; the parts follow while it is waited for."""
        self.service.check(request)
        return self.kept.put(request, self.region(request), {}, _kept(request.attributes))

    def update(self, request: Request) -> Ack:
        """Keep what shall be, and what was until then."""
        there = self._record(object_id_of(request))
        if there is None:
            raise gone(request)
        before = there.former or there.attributes
        standing = self._standing(there)
        since = there.since if there.former or standing is None else self.service.latest(there, standing)
        more = {"former": packed(before), "since": since}
        return self.kept.change(request, {}, {**_kept(request.attributes), **more})

    def delete(self, request: Request) -> Ack:
        """Begins with the group."""
        object_id = object_id_of(request)
        if self.shared.has_deleted(request):
            return Ack(object_id=object_id)
        there = self._record(object_id)
        if there is None:
            raise gone(request)
        standing = self._standing(there)
        if standing is not None and not standing.leaving:
            self.service.remove(there, standing)
        return self.shared.deletes(request)

    def settle(self, request: Request, object_id: str) -> Outputs | None:
        """Makes what is missing; ready once as many machines serve as shall be there at least."""
        there = self._record(object_id)
        if there is None:
            raise AlreadyGone(f"{request.address} ({object_id}) is not there.")
        if (refused := there.refused) is not None:
            if self._removed(there):
                raise refused
            return None
        if self.service.programs:
            put_program(self.shared, request, there.region, there.program)
        standing = self._standing(there)
        if standing is None or standing.leaving:
            if standing is None:
                self.service.make(there, request)
            return None
        if (standing.at_least, standing.at_most) != _size(request.attributes):
            self.service.resize(there, standing, *_size(request.attributes))
            return None
        if standing.serving < standing.at_least:
            self._short(request, there, standing)
            return None
        self.service.settled(there, standing)
        if there.former is not None:
            self.kept.rewrite(there.kept, _without(there, "former", "since"))
        return self._outputs(there, standing)

    def gone(self, request: Request, object_id: str) -> bool:  # noqa: ARG002 - as the protocol has it
        """Once group, machines, template and record are no more."""
        there = self._record(object_id)
        return there is None or self._removed(there)

    def seen(self, region: str, by: By) -> Sequence[Found]:
        """Groups that are ours; one whose service has none is of no size."""
        records = [Record(one) for one in self.kept.by(region, by)]
        standing = self.service.look(region, records) if records else {}
        return [self._found(record, standing.get(record.token)) for record in records]

    def parts(self, region: str, object_id: str) -> Sequence[str]:  # noqa: ARG002 - as the protocol has it
        """Nothing that has its id: see ``handing``."""
        return ()

    def handing(self, there: Parameter, lineage: str) -> Sequence[Call]:
        """The calls that give its parts another owner's tag, or none; what its machines run stays said."""
        record = Record(there)
        standing = self._standing(record)
        calls = [] if standing is None else [*self.service.handing(record, standing, lineage)]
        return [*calls, *tag_parts(self.shared, there.region, record.token, lineage)]

    def _short(self, request: Request, there: Record, standing: Standing) -> None:
        """Machines are missing: wait on, or undo what was asked for and say why."""
        refusal = self.service.refusal(there, standing)
        if refusal is None:
            return
        if request.action is Action.CREATE:
            self.kept.rewrite(there.kept, {**there.kept.says, "refused": remembered(refusal)})
            return
        if there.former is not None:
            self.service.resize(there, standing, *_size(there.former))
            says = _without(there, "former", "since")
            self.kept.rewrite(there.kept, {**says, **_kept(there.former)})
        raise refusal

    def _removed(self, there: Record) -> bool:
        """Take away what is left of it, the record last; whether all is gone."""
        standing = self._standing(there)
        if standing is not None:
            if not standing.leaving:
                self.service.remove(there, standing)
            return False
        if living(self.shared, there.region, there.token):
            return False
        delete_template(self.shared, there.region, there.token)
        if self.service.programs:
            delete_program(self.shared, there.region, there.program)
        self.kept.forget(there.region, there.kept.name, str(there.kept.says["lineage"]))
        try:
            self.shared.api.do("ssm", there.region, "delete_parameter", Name=there.kept.name)
        except AlreadyGone:
            return True
        return True

    def _record(self, object_id: str) -> Record | None:
        region, name = split(object_id)
        return next((Record(one) for one in self.kept.named(region, [name])), None)

    def _standing(self, there: Record) -> Standing | None:
        return self.service.look(there.region, [there]).get(there.token)

    def _found(self, there: Record, standing: Standing | None) -> Found:
        size = (0, 0) if standing is None else (standing.at_least, standing.at_most)
        attributes = {**there.attributes, _AT_LEAST: size[0], _AT_MOST: size[1]}
        settled = there.refused is None and there.former is None
        if standing is None or not settled or standing.serving < standing.at_least:
            return there.kept.found(ready=False, attributes=attributes)
        return there.kept.found(attributes=attributes, outputs=self._outputs(there, standing))

    @staticmethod
    def _outputs(there: Record, standing: Standing) -> Outputs:
        return {"id": there.kept.id, "region": there.region, "group": standing.name}


def _kept(attributes: Mapping[str, JsonValue]) -> dict[str, Any]:
    """What a record says: packed, because a parameter is short and names are many."""
    short = {key: attributes.get(key) for key in ("workload", "pool")}
    return {"attributes": short, "packed": packed(attributes)}


def _without(there: Record, *keys: str) -> dict[str, Any]:
    return {key: value for key, value in there.kept.says.items() if key not in keys}


def _size(attributes: Mapping[str, JsonValue]) -> tuple[int, int]:
    least, most = attributes.get(_AT_LEAST), attributes.get(_AT_MOST)
    least = least if isinstance(least, int) else 0
    return least, most if isinstance(most, int) else least


def packed(attributes: Mapping[str, JsonValue]) -> str:
    """Attributes as short text."""
    text = json.dumps(dict(attributes), sort_keys=True, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode(), 9)).decode()


def unpacked(text: str) -> dict[str, JsonValue]:
    """The attributes again."""
    attributes: dict[str, JsonValue] = json.loads(zlib.decompress(base64.b64decode(text)))
    return attributes
