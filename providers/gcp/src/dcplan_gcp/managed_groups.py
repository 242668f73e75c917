"""Managed instance groups: template, group and autoscaler, which are one resource of dcplan.

A group is had as a whole or not at all: where a member is not to be had, the new group is taken back, and one
that was to grow goes back to the size that it had.  The group knows whose it is; its template is the last to
go, and is found without the group as well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dcplan.provider import errors
from dcplan.provider.start_up import KEY, check_planned
from dcplan.provider.types import Ack, Found
from dcplan.resources import Action
from dcplan_gcp.answers import CODES
from dcplan_gcp.composite import PATIENCE, SOON_S, Part, ensure, finish, go_on, remove
from dcplan_gcp.families import family_of
from dcplan_gcp.group_looks import found_of, outputs_of, survey
from dcplan_gcp.group_parts import (
    AUTOSCALERS,
    MANAGERS,
    NOTE,
    TEMPLATES,
    autoscaler,
    manager,
    metadata,
    note_of,
    policy,
    queued,
    template,
    texts_of,
    whole,
)
from dcplan_gcp.naming import labels_of, name_of, request_id
from dcplan_gcp.rest import FIRST_LOOK_S, LONGEST_PAUSE_S, last, pause, relative, scope_of
from dcplan_gcp.waiting_groups import Waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dcplan.provider.types import Request
    from dcplan.resources import JsonValue
    from dcplan_gcp.instances import Instances
    from dcplan_gcp.policies import Policies
    from dcplan_gcp.rest import Rest
    from dcplan_gcp.settings import GcpSettings

KEPT = frozenset({"NONE", "VERIFYING", "REFRESHING"})
"""What may be happening to a member that runs."""


class ManagedGroups:
    """Makes and finds managed instance groups."""

    def __init__(self, rest: Rest, settings: GcpSettings, instances: Instances, policies: Policies) -> None:
        self._rest = rest
        self._settings = settings
        self._instances = instances
        self._policies = policies
        self._waiting = Waiting(rest, settings)

    # Making

    def begin_create(self, request: Request) -> Ack:
        """Template and group; where only the region is known, in the first zone that has all members."""
        family = family_of(str(request.attributes.get("machine") or ""))
        if family.only_reserved and request.attributes.get("purchase") in {"on-demand", "spot", "queued"}:
            raise errors.Invalid(f"{request.attributes['machine']} is had by reservation only.")
        check_planned(request.attributes.get(KEY), self._settings.start_up_file)
        zones = self._instances.zones(replace(request, attributes={**request.attributes, "gang": None}))
        there = self._made(request) if len(zones) > 1 else None
        if there is not None:
            return self._ours(request, there)
        sold_out: errors.CapacityUnavailable | None = None
        for zone in zones:
            try:
                return self._begin_in(request, zone)
            except errors.CapacityUnavailable as refused:
                sold_out = refused
        raise sold_out or errors.Invalid(f"There is no zone for {request.address}.")

    def _made(self, request: Request) -> dict[str, Any] | None:
        """The group of this request, in whichever zone it is."""
        name = name_of(request.lineage, request.address)
        return next(iter(self._rest.everywhere(MANAGERS, f'name = "{name}"')), None)

    @staticmethod
    def _ours(request: Request, there: Mapping[str, Any]) -> Ack:
        note = note_of(there)
        if note is None:
            raise errors.Conflict(f"There is a group named {there['name']} already.")
        note.must_be(request)
        return Ack(object_id=relative(there["selfLink"]))

    def _begin_in(self, request: Request, zone: str) -> Ack:
        name = name_of(request.lineage, request.address)
        path = self._rest.path(f"zones/{zone}", MANAGERS, name)
        there = self._rest.find(path)
        if there is not None:
            return self._ours(request, there)
        try:
            operation = self._inserted(request, zone)
        except errors.Conflict:
            there = self._rest.find(path)
            if there is None:
                raise
            return self._ours(request, there)
        except errors.DefiniteError:
            self._cleared(request, path, go_on)
            raise
        if operation["status"] == "DONE" and self._rest.find(path) is None:
            # The answer to an earlier call: the group was taken back in the meantime.
            self._cleared(request, path, go_on)
            raise errors.CapacityUnavailable(f"{name} was taken back, because members were not to be had.")
        try:
            self._rest.settled(operation, f"make {name}", within_s=SOON_S, stop=go_on)
            if queued(request.attributes):
                self._waiting.ask(request, path, whole(request, "at_least"), go_on)
            self._up(request, path, go_on, within_s=SOON_S)
        except errors.DefiniteError:
            self._cleared(request, path, go_on)
            raise
        return Ack(object_id=path, operation_id=relative(operation["selfLink"]))

    def _inserted(self, request: Request, zone: str) -> dict[str, Any]:
        """The operation of the group's insert; template and policy are there by then."""
        nics = self._instances.nics(request, zone)
        policies = self._policies.of_machine(request)
        part = template(request, zone, self._rest.project, self._settings, nics=nics, policies=policies)
        self._template(request, zone, part)
        there = self._rest.path("global", TEMPLATES, part.name)
        group = manager(request, zone, there, policies)
        again = request_id(request.token, group.scope)
        operation = self._rest.insert(self._rest.path(group.scope, MANAGERS), group.body, again)
        _meant(operation, group, request)
        return operation

    def _template(self, request: Request, zone: str, part: Part) -> None:
        """The template is there.  An answer to an earlier call does not do: that one may be gone again."""
        path = self._rest.path("global", TEMPLATES, part.name)
        for attempt in range(PATIENCE):
            if attempt and self._rest.find(path) is not None:
                return
            try:
                again = request_id(request.token, f"{zone} template {attempt}")
                operation = self._rest.insert(self._rest.path("global", TEMPLATES), part.body, again)
            except errors.Conflict:
                return  # Another call of this request was quicker, or an earlier one came so far.
            _meant(operation, part, request)
            fresh = operation["status"] != "DONE"
            self._rest.settled(operation, f"make {part.name}", within_s=None, stop=go_on)
            if fresh:
                return

    # Changing

    def begin_update(self, request: Request) -> Ack:
        """Another size; what it is to be besides follows once the members are there."""
        there = self._owned(request)
        self._scaled(request, there, go_on)
        return Ack(object_id=str(request.object_id))

    def _scaled(self, request: Request, there: Mapping[str, Any], stop: Callable[[], bool]) -> None:
        """Bounds and size are those of the request; between the bounds the autoscaler is free."""
        path, zone = relative(there["selfLink"]), last(there["zone"])
        floor, ceiling = whole(request, "at_least"), whole(request, "at_most")
        scaler = self._rest.path(f"zones/{zone}", AUTOSCALERS, last(path))
        if queued(request.attributes):
            self._waiting.ask(request, path, floor, stop)
        elif ceiling > floor:
            ensure(self._rest, request.token, [[autoscaler(request, zone, path)]], stop)
            now = self._rest.get(scaler).get("autoscalingPolicy", {})
            if (now.get("minNumReplicas"), now.get("maxNumReplicas")) != (floor, ceiling):
                again = request_id(request.token, f"bounds {floor} {ceiling}")
                operation = self._rest.send(
                    "PATCH",
                    self._rest.path(f"zones/{zone}", AUTOSCALERS),
                    {"name": last(path), "autoscalingPolicy": policy(floor, ceiling)},
                    request_id=again,
                    autoscaler=last(path),
                )
                self._rest.settled(operation, f"change {last(path)}", within_s=None, stop=stop)
            return
        elif there.get("status", {}).get("autoscaler"):
            remove(self._rest, request.token, [[scaler]], stop)
        size = int(there.get("targetSize", 0))
        if size > ceiling or (size < floor and not queued(request.attributes)):
            self._resized(request, path, ceiling if size > ceiling else floor, stop)

    def _resized(self, request: Request, path: str, size: int, stop: Callable[[], bool]) -> None:
        again = request_id(request.token, f"size {size}")
        operation = self._rest.send("POST", f"{path}/resize", request_id=again, size=str(size))
        self._rest.settled(operation, f"resize {last(path)}", within_s=None, stop=stop)

    # Waiting

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> dict[str, JsonValue]:
        """All members run, and know what; else nothing of it is left, or it is as it was before."""
        path = ack.object_id
        try:
            finish(self._rest, ack, f"make {last(path)}", stop)
            there = self._rest.find(path)
            if there is None:
                raise errors.AlreadyGone(f"{request.address} ({path}) does not exist.")
            self._scaled(request, there, stop)
            self._up(request, path, stop, within_s=None)
        except (errors.CapacityUnavailable, errors.QuotaExceeded, errors.Invalid, errors.Denied):
            self._undone(request, path, stop)
            raise
        self._told(request, path, stop)
        return outputs_of(self._rest.get(path))

    def _up(self, request: Request, path: str, stop: Callable[[], bool], *, within_s: float | None) -> None:
        """As many members run as there must be.  Raises why one is not to be had."""
        floor, ceiling, pause_s, left_s = (
            whole(request, "at_least"),
            whole(request, "at_most"),
            FIRST_LOOK_S,
            within_s,
        )
        while True:
            members = self._rest.told(f"{path}/listManagedInstances", "managedInstances")
            up = [
                m for m in members if m.get("instanceStatus") == "RUNNING" and m.get("currentAction") in KEPT
            ]
            if len(up) >= floor and len(members) <= ceiling:
                return
            self._refused(request, path, members)
            if queued(request.attributes):
                self._waiting.look(request, path)
            if left_s is not None and left_s <= 0:
                return
            pause(pause_s, stop)
            left_s = None if left_s is None else left_s - pause_s
            pause_s = min(pause_s * 1.6, LONGEST_PAUSE_S)

    def _refused(self, request: Request, path: str, members: list[dict[str, Any]]) -> None:
        """Raise why a member could not be made, where that is known."""
        told = [e for m in members for e in m.get("lastAttempt", {}).get("errors", {}).get("errors", [])]
        if not told and request.action is Action.CREATE:
            # Of a group that is new each error is of these members.
            told = [entry.get("error", {}) for entry in self._rest.listed(f"{path}/listErrors", "")]
        for one in told:
            meaning = CODES.get(str(one.get("code")))
            if meaning is not None and issubclass(meaning, errors.DefiniteError):
                said = str(one.get("message", "")).rstrip(".")
                msg = f"Google Cloud could not make a member of {last(path)} ({one.get('code')}): {said}."
                raise meaning(msg)

    def _undone(self, request: Request, path: str, stop: Callable[[], bool]) -> None:
        """A group that was to be made is taken back; one that was to change has its former size again."""
        if request.action is Action.CREATE:
            self._cleared(request, path, stop)
            return
        there = self._rest.find(path)
        note = None if there is None else note_of(there)
        if there is not None and note is not None:
            self._waiting.cancel(path, stop)
            before = replace(request, attributes=note.attributes, token=f"{request.token} back")
            self._scaled(before, there, stop)

    def _cleared(self, request: Request, path: str, stop: Callable[[], bool]) -> None:
        """Nothing of it is left."""
        self._waiting.cancel(path, stop)
        scaler, name = path.replace(f"/{MANAGERS}/", f"/{AUTOSCALERS}/"), last(path)
        again = f"{request.token} {scope_of(path)} back"
        remove(self._rest, again, [[scaler], [path]], stop)
        self._absent(path, stop)
        remove(self._rest, again, [[self._rest.path("global", TEMPLATES, name)]], stop)
        self._policies.leave(request, stop)

    def _absent(self, path: str, stop: Callable[[], bool]) -> None:
        pause_s = FIRST_LOOK_S
        while self._rest.find(path) is not None:
            pause(pause_s, stop)
            pause_s = min(pause_s * 1.6, LONGEST_PAUSE_S)

    def _told(self, request: Request, path: str, stop: Callable[[], bool]) -> None:
        """The group says whose it is and what runs, and its members know it."""
        gang = bool(request.attributes.get("gang"))
        on: list[str] = []
        if gang:
            members = self._rest.told(f"{path}/listManagedInstances", "managedInstances")
            on = sorted(str(m["name"]) for m in members)
        wanted, labels = metadata(request, on), labels_of(request)
        for attempt in range(PATIENCE):
            there = self._rest.get(path)
            if texts_of(there) == wanted:
                break
            body = {
                "fingerprint": there["fingerprint"],
                "allInstancesConfig": {"properties": {"labels": labels, "metadata": wanted}},
            }
            try:
                operation = self._rest.send(
                    "PATCH", path, body, request_id=request_id(request.token, str(attempt))
                )
                self._rest.settled(operation, f"change {last(path)}", within_s=None, stop=stop)
            except errors.NotReady:  # Somebody else was quicker.
                if attempt == PATIENCE - 1:
                    raise
                pause(FIRST_LOOK_S, stop)
        if gang or request.action is Action.UPDATE:
            how = {"allInstances": True, "minimalAction": "REFRESH", "mostDisruptiveAllowedAction": "REFRESH"}
            operation = self._rest.send("POST", f"{path}/applyUpdatesToInstances", how)
            self._rest.settled(operation, f"tell the members of {last(path)}", within_s=None, stop=stop)

    # Deleting

    def begin_delete(self, request: Request) -> Ack:
        """The group, once nothing changes its size any more; a template without a group by itself."""
        path = str(request.object_id)
        there = self._owned(request, gone_is_fine=True)
        again = request_id(request.token)
        if there is not None and f"/{MANAGERS}/" in path:
            self._waiting.cancel(path, go_on)
            if there.get("status", {}).get("autoscaler"):
                scaler = path.replace(f"/{MANAGERS}/", f"/{AUTOSCALERS}/")
                remove(self._rest, request.token, [[scaler]], go_on)
        try:
            operation = self._rest.send("DELETE", path, request_id=again)
        except errors.AlreadyGone:
            # A kill came between: the template is found by the group's name.
            if self._rest.find(self._rest.path("global", TEMPLATES, last(path))) is None:
                raise
            return Ack(object_id=path)
        return Ack(object_id=path, operation_id=relative(operation["selfLink"]))

    def wait_delete(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> None:
        """Group, members and template are gone, and what kept a gang close together."""
        path = ack.object_id
        finish(self._rest, ack, f"delete {last(path)}", stop)
        self._absent(path, stop)
        remove(self._rest, request.token, [[self._rest.path("global", TEMPLATES, last(path))]], stop)
        self._policies.leave(request, stop)

    def _owned(self, request: Request, *, gone_is_fine: bool = False) -> dict[str, Any]:
        """The group of a request, which must be its owner's; empty where it is gone and may be."""
        path = str(request.object_id)
        there = self._rest.find(path) if request.object_id else None
        if there is None:
            if gone_is_fine and path.startswith("projects/"):
                return {}
            raise errors.AlreadyGone(f"{request.address} ({request.object_id or 'no id'}) does not exist.")
        note = note_of(there)
        if note is None or note.lineage != request.lineage:
            raise errors.Denied(f"{path} does not belong to this state.")
        return there

    def set_owner(self, request: Request) -> None:
        """Another owner and name, in the note."""
        path = str(request.object_id)
        there = self._rest.get(path)
        note = note_of(there)
        if note is None:
            raise errors.AlreadyGone(f"{path} is no group of dcplan.")
        texts = {**texts_of(there), NOTE: note.handed_to(request).text}
        body = {
            "fingerprint": there["fingerprint"],
            "allInstancesConfig": {"properties": {"metadata": texts}},
        }
        operation = self._rest.send("PATCH", path, body)
        self._rest.settled(operation, f"hand over {last(path)}", within_s=None, stop=go_on)

    # Looking

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """What a create may have made: in its zone, or in any of its region where only that is known."""
        there = self._rest.find(request.object_id) if request.object_id else self._made(request)
        found = None if there is None else found_of(there, {})
        return () if found is None else (found,)

    def survey(self, wanted: str, *, templates: bool = False) -> Iterator[Found]:
        """The groups that a filter of names shows; ``templates``: and templates that have none."""
        return survey(self._rest, wanted, templates=templates)


def _meant(operation: Mapping[str, Any], part: Part, request: Request) -> None:
    """Raise ``Conflict`` where the token was used for another object."""
    if last(operation["targetLink"]) != part.name:
        raise errors.Conflict(f"The token {request.token} was used for another call.")
