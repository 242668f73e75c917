"""What keeps the machines of a gang close together: one resource policy in each region where the gang is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dcplan.provider import errors
from dcplan.provider.types import Ack, Found
from dcplan_gcp.composite import Part, begin_insert, ensure, finish, go_on, remove
from dcplan_gcp.kinds import POLICY
from dcplan_gcp.naming import Note, name_of, request_id
from dcplan_gcp.rest import last, relative, scope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dcplan.provider.types import Request
    from dcplan.resources import JsonValue
    from dcplan_gcp.rest import Rest


class Policies:
    """Makes and finds resource policies."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def begin_create(self, request: Request) -> Ack:
        """The policy in its region."""
        region, form = request.attributes.get("region"), request.attributes.get("form")
        if not isinstance(region, str) or not isinstance(form, dict):
            raise errors.Invalid(f"{request.address} has no region or no form.")
        name, note = name_of(request.lineage, request.address), Note.of(request).text
        return begin_insert(self._rest, request, _part(region, name, form, note), note_of)

    def begin_update(self, request: Request) -> Ack:
        """All that it has is fixed."""
        raise errors.Invalid(f"{request.address} cannot be changed in place.")

    def begin_delete(self, request: Request) -> Ack:
        """Delete it, if it is this owner's."""
        path = str(request.object_id)
        there = self._rest.find(path) if request.object_id else None
        note = None if there is None else note_of(there)
        if there is not None and (note is None or note.lineage != request.lineage):
            raise errors.Denied(f"{path} does not belong to this state.")
        operation = self._rest.send("DELETE", path, request_id=request_id(request.token))
        return Ack(object_id=path, operation_id=relative(operation["selfLink"]))

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> dict[str, JsonValue]:
        """It is there."""
        finish(self._rest, ack, f"make {request.address}", stop)
        self._rest.get(ack.object_id)
        return {"id": ack.object_id}

    def wait_delete(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> None:
        """It is gone, and so are those of its name in regions where its gang went."""
        finish(self._rest, ack, f"delete {request.address}", stop)
        others = self._rest.everywhere("resourcePolicies", f'name = "{last(ack.object_id)}"')
        remove(self._rest, request.token, [[relative(other["selfLink"]) for other in others]], stop)

    def of_machine(self, request: Request) -> list[str]:
        """The policy of a machine's gang, made in the machine's region where that is not the planned one."""
        own = next((o for a, o in request.needs.items() if a.split(".")[1] == POLICY), None)
        if own is None:
            return []
        path, region = str(own["id"]), str(request.attributes.get("region"))
        if scope_of(path) == f"regions/{region}":
            return [path]
        there = self._rest.get(path)
        part = Part(
            scope=f"regions/{region}",
            collection="resourcePolicies",
            body={k: v for k, v in there.items() if k in {"name", "groupPlacementPolicy", "workloadPolicy"}},
        )
        ensure(self._rest, request.token, [[part]], go_on)
        return [re.sub(r"/regions/[^/]+/", f"/regions/{region}/", path)]

    def survey(self, wanted: str) -> Iterator[Found]:
        """The policies that a filter of names shows."""
        for there in self._rest.everywhere("resourcePolicies", wanted):
            note = note_of(there)
            if note is not None:
                path = relative(there["selfLink"])
                yield Found(
                    object_id=path,
                    address=note.address,
                    ready=True,
                    attributes=note.attributes,
                    outputs={"id": path},
                    token=note.token,
                    lineage=note.lineage,
                )


def note_of(policy: Mapping[str, Any]) -> Note | None:
    """The owner's note of a policy."""
    return Note.read(policy.get("description"))


def _part(region: str, name: str, form: Mapping[str, JsonValue], note: str) -> Part:
    body: dict[str, Any] = {"name": name, "description": note}
    if "compact" in form:
        body["groupPlacementPolicy"] = {"collocation": "COLLOCATED", "vmCount": form["compact"]}
    else:
        body["workloadPolicy"] = {"type": "HIGH_THROUGHPUT", "acceleratorTopology": form["topology"]}
    return Part(scope=f"regions/{region}", collection="resourcePolicies", body=body)
