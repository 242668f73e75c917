"""Machines: one instance of Compute Engine each."""

from __future__ import annotations

import contextlib
import datetime as dt
from typing import TYPE_CHECKING, Any

from dcplan.provider import errors
from dcplan.provider.start_up import KEY, check_planned
from dcplan.provider.types import Ack, Found
from dcplan.resources import Action
from dcplan_gcp.composite import SOON_S, Part, begin_insert, finish, go_on
from dcplan_gcp.families import family_of
from dcplan_gcp.kinds import NETWORK
from dcplan_gcp.launch import adopted_nics, body_of
from dcplan_gcp.lots import lot_in
from dcplan_gcp.naming import (
    ADDRESS,
    LINEAGE,
    OWNER,
    PROJECT,
    TOKEN,
    Note,
    labels_of,
    metadata_of,
    name_of,
    request_id,
    tag,
)
from dcplan_gcp.rest import FIRST_LOOK_S, LONGEST_PAUSE_S, last, pause, relative, scope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dcplan.provider.types import Request
    from dcplan.resources import JsonValue
    from dcplan_gcp.networks import Networks
    from dcplan_gcp.places import Places
    from dcplan_gcp.policies import Policies
    from dcplan_gcp.rest import Rest
    from dcplan_gcp.settings import GcpSettings
    from dcplan_gcp.windows import Windows

COMING = frozenset({"PENDING", "PROVISIONING", "STAGING", "REPAIRING"})
"""Where an instance is on its way to running; PENDING is in the queue of flex-start."""

TRIES = 5
"""How often a read and a write of metadata are tried while somebody else is quicker."""


class Instances:
    """Makes and finds instances."""

    def __init__(  # noqa: PLR0913, PLR0917 - what a machine stands in
        self,
        rest: Rest,
        settings: GcpSettings,
        networks: Networks,
        policies: Policies,
        places: Places,
        windows: Windows,
    ) -> None:
        self._rest = rest
        self._settings = settings
        self._networks = networks
        self._policies = policies
        self._places = places
        self._windows = windows

    def begin_create(self, request: Request) -> Ack:
        """Insert it; where only the region is known, in the first of its zones that has one.

        A zone that refuses for want of machines has made nothing, so that the next one may be asked.
        """
        family = family_of(str(request.attributes.get("machine") or ""))
        if family.only_reserved and request.attributes.get("purchase") in {"on-demand", "spot", "queued"}:
            raise errors.Invalid(f"{request.attributes['machine']} is had by reservation only.")
        zones = self.zones(request)
        sold_out: errors.CapacityUnavailable | None = None
        for zone in zones:
            try:
                return self._begin_in(request, zone)
            except errors.CapacityUnavailable as refused:
                sold_out = refused
        raise sold_out or errors.Invalid(f"There is no zone for {request.address}.")

    def zones(self, request: Request) -> tuple[str, ...]:
        """Where to try; what is reserved is in one zone, and of no use before it begins."""
        kept = lot_in(request)
        if kept is None:
            return self._places.zones(request.attributes)
        if "/futureReservations/" in kept:
            self._windows.begun(kept)
        return (last(scope_of(kept)),)

    def _begin_in(self, request: Request, zone: str) -> Ack:
        try:
            return self._inserted(request, zone)
        except errors.Invalid as refused:
            # Another machine of the gang was refused, and took the policy along.
            if "resourcePolicies" not in refused.detail or not self._policies.missed(request):
                raise
            return self._inserted(request, zone)
        except errors.DefiniteError:
            self._refused(request)
            raise

    def _refused(self, request: Request) -> None:
        """It is not to be had; what keeps its gang together goes, unless others are in it."""
        with contextlib.suppress(errors.ProviderError):
            self._policies.leave(request, go_on)

    def _inserted(self, request: Request, zone: str) -> Ack:
        check_planned(request.attributes.get(KEY), self._settings.start_up_file)
        body = body_of(
            request,
            zone,
            self._rest.project,
            self._settings,
            nics=self.nics(request, zone),
            policies=self._policies.of_machine(request),
        )
        part = Part(scope=f"zones/{zone}", collection="instances", body=body)
        return begin_insert(self._rest, request, part, note_of, look_s=SOON_S)

    def nics(self, request: Request, zone: str) -> list[dict[str, Any]]:
        """The cards of a machine, in the network that it needs or the settings name."""
        machine, region = (str(request.attributes.get(key)) for key in ("machine", "region"))
        if self._settings.network is not None:
            return adopted_nics(self._settings.network, self._rest.project, machine, region, zone)
        own = next((o for a, o in request.needs.items() if a.split(".")[1] == NETWORK), None)
        if own is None:
            raise errors.Invalid(f"{request.address} stands in no network.")
        return self._networks.nics(str(own["id"]), machine, region, zone, token=request.token)

    def begin_update(self, request: Request) -> Ack:
        """Another note in its metadata; labels follow in the wait."""
        self.owned(request)
        operation = self.edit(
            str(request.object_id),
            lambda items: {**items, OWNER: Note.of(request).text},
            request_id(request.token),
        )
        done = None if operation is None else relative(operation["selfLink"])
        return Ack(object_id=str(request.object_id), operation_id=done)

    def begin_delete(self, request: Request) -> Ack:
        """Delete it, if it is this owner's."""
        path = str(request.object_id)
        self.owned(request, gone_is_fine=True)
        operation = self._rest.send("DELETE", path, request_id=request_id(request.token))
        return Ack(object_id=path, operation_id=relative(operation["selfLink"]))

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> dict[str, JsonValue]:
        """It runs, and its labels are those of the request."""
        try:
            finish(self._rest, ack, f"start {last(ack.object_id)}", stop)
        except errors.DefiniteError:
            if request.action is Action.CREATE:
                self._refused(request)
            raise
        pause_s = FIRST_LOOK_S
        while True:
            there = self._there(request, ack)
            if there["status"] == "RUNNING":
                break
            if there["status"] not in COMING:
                why = there.get("statusMessage") or f"it is {there['status']}"
                taken_back = there.get("scheduling", {}).get("provisioningModel") in {"SPOT", "FLEX_START"}
                kind = errors.CapacityUnavailable if taken_back else errors.Invalid
                raise kind(f"{last(ack.object_id)} does not run: {why}.")
            pause(pause_s, stop)
            pause_s = min(pause_s * 1.6, LONGEST_PAUSE_S)
        self._labelled(request, there, stop)
        return outputs_of(there)

    def _there(self, request: Request, ack: Ack) -> dict[str, Any]:
        """The instance; a queued one that is gone got no machine within the time that it may wait."""
        there = self._rest.find(ack.object_id)
        if there is not None:
            return there
        if request.attributes.get("purchase") == "queued":
            raise errors.CapacityUnavailable(f"No machine came for {last(ack.object_id)} while it waited.")
        raise errors.AlreadyGone(f"{request.address} ({ack.object_id}) does not exist.")

    def _labelled(self, request: Request, there: Mapping[str, Any], stop: Callable[[], bool]) -> None:
        """Its labels name the address by which the state knows it."""
        labels = there.get("labels", {})
        wanted = labels_of(request)
        if all(labels.get(key) == wanted[key] for key in wanted.keys() & {LINEAGE, ADDRESS, PROJECT}):
            return
        body = {"labels": {**labels, **wanted}, "labelFingerprint": there["labelFingerprint"]}
        operation = self._rest.send(
            "POST",
            f"{relative(there['selfLink'])}/setLabels",
            body,
            request_id=request_id(request.token, "labels"),
        )
        self._rest.settled(operation, "set labels", within_s=None, stop=stop)

    def wait_delete(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> None:
        """It is gone, and with the last of a gang what kept it close together."""
        finish(self._rest, ack, f"delete {last(ack.object_id)}", stop)
        pause_s = FIRST_LOOK_S
        while self._rest.find(ack.object_id) is not None:
            pause(pause_s, stop)
            pause_s = min(pause_s * 1.6, LONGEST_PAUSE_S)
        self._policies.leave(request, stop)

    def owned(self, request: Request, *, gone_is_fine: bool = False) -> dict[str, Any] | None:
        """The instance of a request, which must be its owner's."""
        path = str(request.object_id)
        there = self._rest.find(path) if request.object_id else None
        if there is None:
            if gone_is_fine and request.object_id and path.startswith("projects/"):
                return None
            raise errors.AlreadyGone(f"{request.address} ({request.object_id or 'no id'}) does not exist.")
        note = note_of(there)
        if note is None or note.lineage != request.lineage:
            raise errors.Denied(f"{path} does not belong to this state.")
        return there

    def edit(
        self, path: str, change: Callable[[dict[str, str]], dict[str, str]], first_id: str | None = None
    ) -> dict[str, Any] | None:
        """Change an instance's metadata; its operation, None where nothing is to be changed."""
        for attempt in range(TRIES):
            there = self._rest.get(path)
            items = metadata_of(there)
            wanted = change(dict(items))
            if wanted == items:
                return None
            body = {
                "fingerprint": there["metadata"]["fingerprint"],
                "items": [{"key": key, "value": value} for key, value in sorted(wanted.items())],
            }
            try:
                return self._rest.send(
                    "POST", f"{path}/setMetadata", body, request_id=None if attempt else first_id
                )
            except errors.NotReady:
                if attempt == TRIES - 1:
                    raise
        raise errors.NotReady(f"The metadata of {last(path)} is being changed by somebody else.")

    # Looking

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """What a create may have made: in its zone, or in any of its region where only that is known."""
        if request.object_id is not None:
            there = self._rest.find(request.object_id)
            found = None if there is None else found_of(there)
            return () if found is None else (found,)
        name = name_of(request.lineage, request.address)
        region, zone = (str(request.attributes.get(key) or "") for key in ("region", "zone"))
        places = [
            there
            for there in self._rest.everywhere("instances", f'name = "{name}"')
            if last(there["zone"]) == zone or (zone == region and last(there["zone"]).startswith(region))
        ]
        return tuple(found for found in map(found_of, places) if found is not None)

    def listed(self, wanted: str) -> list[dict[str, Any]]:
        """All instances that a filter shows."""
        return self._rest.everywhere("instances", wanted)

    def set_owner(self, request: Request) -> None:
        """Another owner and name: in the note, and in the labels that it is searched by."""
        path = str(request.object_id)
        there = self._rest.get(path)
        note = note_of(there)
        if note is None:
            raise errors.AlreadyGone(f"{path} is no machine of dcplan.")
        text = note.handed_to(request).text
        operation = self.edit(path, lambda items: {**items, OWNER: text})
        if operation is not None:
            self._rest.settled(operation, f"hand over {last(path)}", within_s=None, stop=go_on)
        there = self._rest.get(path)
        labels = {k: v for k, v in there.get("labels", {}).items() if k not in {LINEAGE, ADDRESS}}
        if request.lineage:
            labels |= {k: v for k, v in labels_of(request).items() if k != TOKEN}
        if labels != there.get("labels", {}):
            body = {"labels": labels, "labelFingerprint": there["labelFingerprint"]}
            operation = self._rest.send("POST", f"{path}/setLabels", body)
            self._rest.settled(operation, f"hand over {last(path)}", within_s=None, stop=go_on)


def survey(instances: list[dict[str, Any]]) -> Iterator[Found]:
    """The machines among these instances."""
    for there in instances:
        found = found_of(there)
        if found is not None:
            yield found


def note_of(instance: Mapping[str, Any]) -> Note | None:
    """The owner's note of an instance."""
    return Note.read(metadata_of(instance).get(OWNER))


def found_of(there: Mapping[str, Any]) -> Found | None:
    """An instance as the core sees it; None where it is none of dcplan's."""
    note = note_of(there)
    if note is None:
        return None
    labels = there.get("labels", {})
    return Found(
        object_id=relative(there["selfLink"]),
        address=note.address,
        ready=there["status"] == "RUNNING",
        attributes=_as_it_is(note.attributes, there),
        outputs=outputs_of(there),
        token=note.token,
        # A label that somebody took away means that it is nobody's any more.
        lineage=note.lineage if note.lineage and labels.get(LINEAGE) == tag(note.lineage) else None,
        made_at_s=_seconds(there.get("creationTimestamp")),
    )


def outputs_of(there: Mapping[str, Any]) -> dict[str, JsonValue]:
    """What an instance answers."""
    nics = there.get("networkInterfaces") or [{}]
    return {
        "id": relative(there["selfLink"]),
        "address": nics[0].get("networkIP"),
        "zone": last(there["zone"]),
    }


def _as_it_is(asked: Mapping[str, JsonValue], there: Mapping[str, Any]) -> dict[str, JsonValue]:
    """What was asked for, with what can be seen to be otherwise."""
    now: dict[str, JsonValue] = {"machine": last(there["machineType"])}
    zone = last(there["zone"])
    if asked.get("zone") != asked.get("region"):
        now["zone"] = zone
    model = there.get("scheduling", {}).get("provisioningModel", "STANDARD")
    if (model == "SPOT") != (asked.get("purchase") == "spot"):
        now["purchase"] = "spot" if model == "SPOT" else "on-demand"
    return {**asked, **now}


def _seconds(moment: object) -> float | None:
    """Unix time of a timestamp."""
    return dt.datetime.fromisoformat(moment).timestamp() if isinstance(moment, str) else None
