"""Node pools of clusters that are there already: machines that Kubernetes runs things on.

A pool is had as a whole or not at all, as a managed instance group is.  It is found by its name; whose it is
stands in its labels, and in full in the metadata of its nodes.
"""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dcplan.provider import errors
from dcplan.provider.types import Ack, Found
from dcplan.resources import Action
from dcplan_gcp.composite import PATIENCE, SOON_S, go_on
from dcplan_gcp.gke import trouble
from dcplan_gcp.group_parts import NOTE, queued, whole
from dcplan_gcp.naming import ADDRESS, LINEAGE, TOKEN, Note, labels_of, tag
from dcplan_gcp.node_parts import (
    TOLD,
    UNTOLD,
    as_told,
    body_of,
    digest,
    needs_policy,
    pool_name,
    resource_labels,
    scaling,
)
from dcplan_gcp.rest import FIRST_LOOK_S, LONGEST_PAUSE_S, last, pause, relative

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dcplan.provider.types import Request
    from dcplan.resources import JsonValue
    from dcplan_gcp.gke import Gke
    from dcplan_gcp.instances import Instances
    from dcplan_gcp.policies import Policies
    from dcplan_gcp.rest import Rest
    from dcplan_gcp.settings import GcpSettings


class NodePools:
    """Makes and finds node pools."""

    def __init__(
        self, rest: Rest, gke: Gke, settings: GcpSettings, instances: Instances, policies: Policies
    ) -> None:
        self._rest = rest
        self._gke = gke
        self._settings = settings
        self._instances = instances
        self._policies = policies
        self._lock = threading.Lock()
        self._going: set[str] = set()
        """Tokens of the deletes of this process."""

    # Making

    def begin_create(self, request: Request) -> Ack:
        """The pool; where only the region is known, in the first of its zones that has all nodes."""
        path = self._path(request)
        there = self._gke.find(path)
        if there is not None:
            return _ours(request, there)
        label = labels_of(request)[TOKEN]
        if any(labels_in(pool).get(TOKEN) == label for pool in self._gke.pools()):
            # Kubernetes Engine knows no ids of requests.
            raise errors.Conflict(f"The token {request.token} was used for another call.")
        zones = self._instances.zones(replace(request, attributes={**request.attributes, "gang": None}))
        sold_out: errors.CapacityUnavailable | None = None
        for zone in zones:
            try:
                self._begin_in(request, path, zone)
            except errors.CapacityUnavailable as refused:
                sold_out = refused
            else:
                return Ack(object_id=path)
        raise sold_out or errors.Invalid(f"There is no zone for {request.address}.")

    def _path(self, request: Request) -> str:
        cluster, location = (str(request.attributes.get(key) or "") for key in ("cluster", "location"))
        if not cluster or not location or not request.attributes.get("machine"):
            raise errors.Invalid(f"{request.address} names no cluster.")
        name = pool_name(request.lineage, request.address)
        return f"{self._gke.path(f'locations/{location}', 'clusters', cluster)}/nodePools/{name}"

    def _begin_in(self, request: Request, path: str, zone: str) -> None:
        policy = needs_policy(str(request.attributes["machine"]))
        policies = self._policies.of_machine(request) if policy else []
        body = body_of(request, zone, self._rest.project, self._settings, policies)
        try:
            operation = self._gke.send("POST", path.rpartition("/")[0], {"nodePool": body})
        except errors.AlreadyGone as missing:
            raise errors.Invalid(missing.detail) from None
        except errors.Conflict:
            there = self._gke.find(path)
            if there is None:
                raise
            _ours(request, there)
            return  # Another call of this request was quicker.
        try:
            self._gke.ended(operation, f"make {last(path)}", within_s=SOON_S, stop=go_on)
        except (errors.DefiniteError, errors.Ambiguous):
            self._cleared(request, path, go_on)
            raise

    # Changing

    def begin_update(self, request: Request) -> Ack:
        """Another size; labels follow once the nodes are there."""
        there = self._owned(request)
        self._scaled(request, there, go_on)
        return Ack(object_id=str(request.object_id))

    def _scaled(self, request: Request, there: Mapping[str, Any], stop: Callable[[], bool]) -> None:
        """Bounds and size are those of the request; between the bounds the cluster's autoscaler is free."""
        path, waits = relative(str(there["selfLink"])), queued(request.attributes)
        floor, ceiling = whole(request, "at_least"), whole(request, "at_most")
        wanted = scaling(floor, ceiling, waits=waits)
        now = there.get("autoscaling", {})
        if any(now.get(key, False) != value for key, value in wanted.items() if key != "locationPolicy"):
            self._done(f"{path}:setAutoscaling", {"autoscaling": wanted}, f"change {last(path)}", stop)
        size = self._size(there)
        if not waits and not floor <= size <= ceiling:
            count = {"nodeCount": ceiling if size > ceiling else floor}
            self._done(f"{path}:setSize", count, f"resize {last(path)}", stop)

    def _done(
        self, path: str, body: Mapping[str, Any], what: str, stop: Callable[[], bool], verb: str = "POST"
    ) -> None:
        """One change of a pool, which nothing else is being done to."""
        for attempt in range(PATIENCE):
            try:
                operation = self._gke.send(verb, path, dict(body))
            except errors.NotReady:
                if attempt == PATIENCE - 1:
                    raise
                pause(0.2 * 2**attempt, stop)
            else:
                self._gke.ended(operation, what, within_s=None, stop=stop)
                return

    def _size(self, there: Mapping[str, Any]) -> int:
        """Nodes that a pool shall have, as its groups of Compute Engine know it."""
        groups = [self._rest.find(relative(str(url))) for url in there.get("instanceGroupUrls", [])]
        return sum(int(group.get("targetSize", 0)) for group in groups if group is not None)

    # Waiting

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> dict[str, JsonValue]:
        """All nodes run; else nothing of it is left, or it is as it was before."""
        path = ack.object_id
        try:
            there = self._up(request, path, stop)
            self._scaled(request, there, stop)
            there = self._up(request, path, stop)
        except (errors.CapacityUnavailable, errors.QuotaExceeded, errors.Invalid, errors.Denied):
            self._undone(request, path, stop)
            raise
        labels = resource_labels(request)
        if there.get("config", {}).get("resourceLabels", {}) != labels:
            body = {"resourceLabels": {"labels": labels}}
            self._done(path, body, f"label {last(path)}", stop, verb="PUT")
        return {"id": path}

    def _up(self, request: Request, path: str, stop: Callable[[], bool]) -> dict[str, Any]:
        """The pool, once it runs.  Raises why it does not."""
        pause_s = FIRST_LOOK_S
        while True:
            there = self._gke.find(path)
            if there is None or there.get("status") == "STOPPING":
                raise errors.AlreadyGone(f"{request.address} ({path}) does not exist.")
            if there.get("status") == "RUNNING":
                return there
            problem = trouble(there, f"make all nodes of {last(path)}")
            if problem is not None:
                raise problem
            pause(pause_s, stop)
            pause_s = min(pause_s * 1.6, LONGEST_PAUSE_S)

    def _undone(self, request: Request, path: str, stop: Callable[[], bool]) -> None:
        """A pool that was to be made is taken back; one that was to change has its former size again."""
        if request.action is Action.CREATE:
            self._cleared(request, path, stop)
            return
        there = self._gke.find(path)
        note = None if there is None else note_of(there)
        if there is not None and note is not None:
            asked = as_told(note.attributes, labels_in(there))
            self._scaled(replace(request, attributes=asked), there, stop)

    def _cleared(self, request: Request, path: str, stop: Callable[[], bool]) -> None:
        """Nothing of it is left."""
        for attempt in range(PATIENCE):
            try:
                self._gke.send("DELETE", path)
                break
            except errors.AlreadyGone:
                break
            except errors.NotReady:
                if attempt == PATIENCE - 1:
                    raise
                pause(0.2 * 2**attempt, stop)
        self._absent(request, path, stop)

    def _absent(self, request: Request, path: str, stop: Callable[[], bool]) -> None:
        pause_s = FIRST_LOOK_S
        while self._gke.find(path) is not None:
            pause(pause_s, stop)
            pause_s = min(pause_s * 1.6, LONGEST_PAUSE_S)
        if needs_policy(str(request.attributes.get("machine"))):
            self._policies.leave(request, stop)

    # Deleting

    def begin_delete(self, request: Request) -> Ack:
        """The pool, if it is this owner's."""
        path = str(request.object_id)
        with self._lock:
            if request.token in self._going:
                return Ack(object_id=path)
        there = self._owned(request)
        if there.get("status") != "STOPPING":
            self._gke.send("DELETE", path)
        with self._lock:
            self._going.add(request.token)
        return Ack(object_id=path)

    def wait_delete(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> None:
        """It is gone with its nodes, and what kept a gang close together."""
        self._absent(request, ack.object_id, stop)

    def _owned(self, request: Request) -> dict[str, Any]:
        """The pool of a request, which must be its owner's."""
        path = str(request.object_id)
        there = self._gke.find(path) if request.object_id else None
        if there is None:
            raise errors.AlreadyGone(f"{request.address} ({request.object_id or 'no id'}) does not exist.")
        if labels_in(there).get(LINEAGE) != tag(request.lineage):
            raise errors.Denied(f"{path} does not belong to this state.")
        return there

    # Looking

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """What a create may have made, or the pool of an id."""
        there = self._gke.find(request.object_id or self._path(request))
        if there is None or there.get("status") == "STOPPING":
            return ()
        found = found_of(there, None)
        return () if found is None else (told(found, there, request.attributes),)

    def survey(self, wanted: str, known: Mapping[str, Mapping[str, JsonValue]]) -> Iterator[Found]:
        """The pools that a filter of names shows; ``known`` are attributes by id, as the state has them."""
        named = re.search(r'"(.*)"', wanted)
        for there in self._gke.pools():
            fits = named is not None and re.fullmatch(named[1], str(there.get("name", "")))
            if not fits or there.get("status") == "STOPPING":
                continue
            found = found_of(there, self._size(there))
            if found is not None:
                yield told(found, there, known.get(found.object_id, {}))


def _ours(request: Request, there: Mapping[str, Any]) -> Ack:
    """The pool of an earlier call of this very request."""
    labels, wanted = labels_in(there), labels_of(request)
    if any(labels.get(key) != wanted[key] for key in (LINEAGE, ADDRESS, TOKEN)):
        raise errors.Conflict(f"There is a node pool named {there['name']} already.")
    return Ack(object_id=relative(str(there["selfLink"])))


def labels_in(there: Mapping[str, Any]) -> dict[str, str]:
    """The labels of a pool's resources."""
    return dict(there.get("config", {}).get("resourceLabels", {}))


def note_of(there: Mapping[str, Any]) -> Note | None:
    """The owner's note, as it was when the pool was made."""
    return Note.read(there.get("config", {}).get("metadata", {}).get(NOTE))


def found_of(there: Mapping[str, Any], size: int | None) -> Found | None:
    """A pool as the core sees it; None where it is none of dcplan's.  ``size``: None where nobody looked."""
    note, labels = note_of(there), labels_in(there)
    if note is None:
        return None
    attributes = as_told(note.attributes, labels)
    floor, ceiling = attributes.get("at_least"), attributes.get("at_most")
    if size is not None and isinstance(floor, int) and isinstance(ceiling, int) and not queued(attributes):
        attributes |= {} if floor <= size <= ceiling else {"at_least": size}
    path = relative(str(there["selfLink"]))
    return Found(
        object_id=path,
        address=note.address,
        ready=there.get("status") == "RUNNING",
        attributes=attributes,
        outputs={"id": path},
        token=labels.get(TOKEN),
        lineage=note.lineage if labels.get(LINEAGE) == tag(note.lineage) else None,
    )


def told(found: Found, there: Mapping[str, Any], known: Mapping[str, JsonValue]) -> Found:
    """With what the pool cannot hold, where its hash says that somebody knows it."""
    if labels_in(there).get(TOLD) != digest(known):
        return found
    return replace(found, attributes={**found.attributes, **{k: known[k] for k in UNTOLD if k in known}})
