"""What runs on machines: one parameter of Systems Manager for each replica and job.

Its value says all that a launcher needs.  The name is made from the owner and the token, so that a second
PutParameter is refused instead of obeyed.  An id is ``region:name``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from dcplan.provider.errors import AlreadyGone, Conflict, Invalid, NotReady
from dcplan.provider.lowering import REPLICA
from dcplan.provider.types import Ack, Found, Request
from dcplan.resources import Address, JsonValue
from dcplan_aws.agent import RUNS
from dcplan_aws.kinds import INSTANCE
from dcplan_aws.makers import Outputs, Shared, gone, needs, object_id_of, ours
from dcplan_aws.owner import ADDRESS, LINEAGE, By, as_list, owner_tags
from dcplan_aws.stored import told

FIRST_PORT = 8000
"""On which a replica answers whose first device is number 0; each further device has its own."""
LONGEST_BYTES = 8192
"""Of a value in the advanced tier; up to 4,096 bytes it costs nothing (Systems Manager User Guide, "Managing
parameter tiers")."""
MACHINES_OF_ONE_CALL = 500
"""Of CreateTags, which takes 1,000 (EC2 API Reference)."""
NAMES_OF_ONE_LOOK = 10
"""Of GetParameters (Systems Manager API Reference)."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter as it is kept."""

    region: str
    name: str
    version: int
    made_at_s: float
    says: Mapping[str, Any]

    @property
    def id(self) -> str:
        """How dcplan knows it."""
        return f"{self.region}:{self.name}"

    def found(
        self,
        *,
        ready: bool = True,
        outputs: Mapping[str, JsonValue] | None = None,
        attributes: Mapping[str, JsonValue] | None = None,
    ) -> Found:
        """The object that it stands for."""
        says = self.says
        return Found(
            object_id=self.id,
            address=Address.parse(says["address"]),
            ready=ready,
            attributes=says["attributes"] if attributes is None else attributes,
            outputs=({"id": self.id, **says["outputs"]} if outputs is None else outputs) if ready else {},
            token=says["token"],
            lineage=says["lineage"] or None,
            made_at_s=self.made_at_s,
        )


def folder_of(lineage: str, kind: str = "") -> str:
    """Where the parameters of an owner are."""
    return f"/dcplan/{lineage}/{kind}".rstrip("/")


def split(object_id: str) -> tuple[str, str]:
    """Region and name in an id; ``AlreadyGone`` for what is none."""
    region, colon, name = object_id.partition(":")
    if not colon:
        raise AlreadyGone(f"{object_id} is no parameter of dcplan's.")
    return region, name


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters that dcplan keeps."""

    shared: Shared
    kind: str

    def put(
        self, request: Request, region: str, outputs: Outputs, other: Mapping[str, Any] | None = None
    ) -> Ack:
        """A new one; a name that is taken is that of this very request, or of another with its token.

        ``other`` is what it says besides, or instead.
        """
        name = f"{folder_of(request.lineage, self.kind)}/{request.token}"
        try:
            self.shared.api.do(
                "ssm",
                region,
                "put_parameter",
                Name=name,
                Overwrite=False,
                Tags=as_list(owner_tags(request)),
                Description=f"dcplan: {request.address}",
                **_value(request, outputs, request.lineage, request.token, other or {}),
            )
        except Conflict as taken:
            if ours(request, [one.found() for one in self.named(region, [name])]) is None:
                raise NotReady(f"{name} was made and cannot be seen yet ({taken.detail})") from taken
        return Ack(object_id=f"{region}:{name}")

    def change(self, request: Request, outputs: Outputs, other: Mapping[str, Any] | None = None) -> Ack:
        """Other contents for one that is there."""
        there = self.one(request)
        if there is None:
            raise gone(request)
        self.shared.api.do(
            "ssm",
            there.region,
            "put_parameter",
            Name=there.name,
            Overwrite=True,
            **_value(request, outputs, there.says["lineage"], there.says["token"], other or {}),
        )
        return Ack(object_id=there.id)

    def rewrite(self, there: Parameter, says: Mapping[str, Any]) -> None:
        """Let one that is there say this."""
        self.shared.api.do(
            "ssm",
            there.region,
            "put_parameter",
            Name=there.name,
            Overwrite=True,
            **_text(says, str(says["address"])),
        )

    def drop(self, request: Request) -> Ack:
        """Delete it."""
        region, name = split(object_id_of(request))
        self.forget(region, name, request.lineage)
        try:
            self.shared.api.do("ssm", region, "delete_parameter", Name=name)
        except AlreadyGone:
            if not self.shared.has_deleted(request):
                raise
        return self.shared.deletes(request)

    def one(self, request: Request) -> Parameter | None:
        """That of an update or delete."""
        region, name = split(object_id_of(request))
        return next(iter(self.named(region, [name])), None)

    def named(self, region: str, names: Sequence[str]) -> list[Parameter]:
        """Those with these names, ten by ten."""
        shown = []
        for i in range(0, len(names), NAMES_OF_ONE_LOOK):
            wanted = list(names[i : i + NAMES_OF_ONE_LOOK])
            answer = self.shared.api.look("ssm", region, "get_parameters", Names=wanted)
            shown += answer["Parameters"]
        return [one for each in shown if (one := _parameter(each, region)) is not None]

    def by(self, region: str, by: By) -> list[Parameter]:
        """Those that a look is for."""
        if by.key == "id":
            return self.named(region, [name for where, name in map(split, by.values) if where == region])
        if by.key != LINEAGE:
            folder = folder_of(by.lineage, self.kind)
            return self.named(region, [f"{folder}/{token}" for token in by.values])
        return [one for lineage in by.values for one in self.of_owner(region, lineage)]

    def of_owner(self, region: str, lineage: str) -> list[Parameter]:
        """All that one owner has there."""
        shown = self.shared.api.pages(
            "ssm",
            region,
            "get_parameters_by_path",
            "Parameters",
            Path=folder_of(lineage, self.kind),
            MaxResults=10,
        )
        rows = list(shown)
        taken = [name for each in rows if (name := _pointed(each)) is not None]
        own = [one for each in rows if (one := _parameter(each, region)) is not None]
        return [one for one in (*own, *self.named(region, taken)) if one.says["lineage"] == lineage]

    def handing(self, request: Request, there: Parameter) -> Iterator[Callable[[], object]]:
        """The calls that give one another owner and name, or no owner.

        Its name stays, with the first owner in it: what runs on machines reads it there.  In the folder of
        any other owner stands a parameter that points to it; one that points to what is another's says
        nothing.
        """
        do, before = partial(self.shared.api.do, "ssm", there.region), str(there.says["lineage"] or "")
        if request.lineage and request.lineage != home_of(there.name):
            yield partial(
                do,
                "put_parameter",
                Name=self._pointer(there.name, request.lineage),
                Value=json.dumps({_POINTS: there.name}),
                Type="String",
                Overwrite=True,
            )
        about = {"ResourceType": "Parameter", "ResourceId": there.name}
        if request.lineage:
            tags = as_list({LINEAGE: request.lineage, ADDRESS: str(request.address)})
            yield partial(do, "add_tags_to_resource", **about, Tags=tags)
        else:
            yield partial(do, "remove_tags_from_resource", **about, TagKeys=[LINEAGE])
        handed = replace(request, attributes=there.says["attributes"])
        other = {key: there.says[key] for key in there.says.keys() - _SAID}
        value = _value(handed, there.says["outputs"], request.lineage, there.says["token"], other)
        yield partial(do, "put_parameter", Name=there.name, Overwrite=True, **value)
        if before != request.lineage:
            yield partial(self.forget, there.region, there.name, before)

    def forget(self, region: str, name: str, lineage: str) -> None:
        """Delete what points to a parameter in the folder of an owner, if it is not the parameter itself."""
        if not lineage or lineage == home_of(name):
            return
        try:
            self.shared.api.do("ssm", region, "delete_parameter", Name=self._pointer(name, lineage))
        except AlreadyGone:
            return

    def _pointer(self, name: str, lineage: str) -> str:
        return f"{folder_of(lineage, self.kind)}/{name.rpartition('/')[2]}"


_SAID = frozenset({"address", "attributes", "outputs", "lineage", "token"})
"""What every parameter says."""
_POINTS = "see"
"""The one key of a parameter that names another one."""


def home_of(name: str) -> str:
    """The owner whose folder a parameter is in: the first that it had."""
    return name.removeprefix("/dcplan/").partition("/")[0]


def _pointed(shown: Mapping[str, Any]) -> str | None:
    """The name in a parameter that points to another one."""
    try:
        says = json.loads(shown["Value"])
    except ValueError:
        return None
    name = says.get(_POINTS) if isinstance(says, dict) else None
    return name if isinstance(name, str) else None


def _parameter(shown: Mapping[str, Any], region: str) -> Parameter | None:
    """A parameter as AWS shows it; None where it is none of ours."""
    try:
        says = json.loads(shown["Value"])
    except ValueError:
        return None
    if not isinstance(says, dict) or not {"address", "attributes", "outputs"} <= says.keys():
        return None
    made_at_s = shown["LastModifiedDate"].timestamp()
    return Parameter(region, shown["Name"], int(shown["Version"]), made_at_s, says)


def _value(
    request: Request, outputs: Outputs, lineage: str, token: str, other: Mapping[str, Any]
) -> dict[str, Any]:
    says = {
        "address": str(request.address),
        "attributes": dict(request.attributes),
        "outputs": dict(outputs),
        "lineage": lineage,
        "token": token,
        **other,
    }
    return _text(says, str(request.address))


def _text(says: Mapping[str, Any], about: str) -> dict[str, Any]:
    text = json.dumps(says, sort_keys=True, separators=(",", ":"))
    size_bytes = len(text.encode())
    if size_bytes > LONGEST_BYTES:
        raise Invalid(
            f"What {about} is told is {size_bytes:,} bytes long; Systems Manager takes "
            f"{LONGEST_BYTES:,}. Spread it over fewer machines, or serve it as several workloads."
        )
    # A parameter never goes back to the standard tier; so AWS picks one.
    return {"Value": text, "Type": "String", "Tier": "Intelligent-Tiering"}


@dataclass(frozen=True, slots=True)
class Programs:
    """Replicas and jobs."""

    shared: Shared
    kind: str

    @property
    def kept(self) -> Parameters:
        """Where they are kept."""
        return Parameters(self.shared, self.kind)

    def region(self, request: Request) -> str:
        """That of its first machine, or in its id."""
        if request.object_id:
            return split(request.object_id)[0]
        for outputs in needs(request, INSTANCE).values():
            region = outputs.get("region")
            if isinstance(region, str):
                return region
        raise Invalid(f"{request.address} was asked for without its machines. This is a bug in dcplan.")

    def region_of(self, object_id: str, attributes: Mapping[str, JsonValue]) -> str | None:  # noqa: ARG002 - as the protocol has it
        """As its id says."""
        return object_id.partition(":")[0] if ":" in object_id else None

    def create(self, request: Request) -> Ack:
        """Say what shall run."""
        region = self.region(request)
        return self.kept.put(request, region, self._outputs(request), self._stored(request, region))

    def update(self, request: Request) -> Ack:
        """Say it otherwise."""
        region = split(object_id_of(request))[0]
        return self.kept.change(request, self._outputs(request), self._stored(request, region))

    def delete(self, request: Request) -> Ack:
        """Say no more that it shall run."""
        return self.kept.drop(request)

    def settle(self, request: Request, object_id: str) -> Outputs | None:
        """Ready once it can be read; requests come to it where its endpoint sends them."""
        region, name = split(object_id)
        there = self.kept.named(region, [name])
        if not there:
            raise AlreadyGone(f"{request.address} ({object_id}) is not there.")
        self._tell(request, object_id)
        if self.kind == REPLICA:
            from dcplan_aws.targets import register  # noqa: PLC0415 - it knows parameters, too

            register(self.shared, there[0])
        return {"id": object_id, **there[0].says["outputs"]}

    def gone(self, request: Request, object_id: str) -> bool:
        """Once it cannot be read; its machines forget it."""
        region, name = split(object_id)
        if self.kept.named(region, [name]):
            return False
        self._tell(request, object_id, runs=False)
        return True

    def seen(self, region: str, by: By) -> Sequence[Found]:
        """Replicas or jobs that are ours."""
        return [one.found() for one in self.kept.by(region, by)]

    def parts(self, region: str, object_id: str) -> Sequence[str]:  # noqa: ARG002 - as the protocol has it
        """Nothing of EC2's."""
        return ()

    def _tell(self, request: Request, object_id: str, *, runs: bool = True) -> None:
        """Name the parameter in a tag of each of its machines, which read it there; or take that tag away."""
        region, name = split(object_id)
        machines = [str(outputs["id"]) for outputs in needs(request, INSTANCE).values() if "id" in outputs]
        key = f"{RUNS}{name.rpartition('/')[2]}"
        tag = {"Key": key, "Value": name} if runs else {"Key": key}
        operation = "create_tags" if runs else "delete_tags"
        for i in range(0, len(machines), MACHINES_OF_ONE_CALL):
            some = machines[i : i + MACHINES_OF_ONE_CALL]
            try:
                self.shared.api.do("ec2", region, operation, Resources=some, Tags=[tag])
            except AlreadyGone:
                if runs:
                    raise NotReady(f"Not all machines of {request.address} can be seen yet.") from None

    def _stored(self, request: Request, region: str) -> dict[str, Any]:
        """Where its data are, if it has any."""
        storage = told(self.shared, request, region)
        return {"storage": storage} if storage else {}

    def _outputs(self, request: Request) -> Outputs:
        """Where a replica answers: the first of its machines, and a port of its first device."""
        if self.kind != REPLICA:
            return {}
        machines = request.attributes.get("machines")
        there = needs(request, INSTANCE)
        first = machines[0] if isinstance(machines, list | tuple) and machines else None
        host = there.get(str(first), {}).get("address")
        if not isinstance(host, str):
            raise Invalid(f"{request.address} was asked for without its machines. This is a bug in dcplan.")
        devices = request.attributes.get("devices")
        numbers = [d for d in devices if isinstance(d, int)] if isinstance(devices, list | tuple) else []
        return {"address": f"{host}:{FIRST_PORT + min(numbers, default=0)}"}
