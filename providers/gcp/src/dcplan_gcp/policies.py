"""What keeps the machines of a gang close together: comes with the first and goes with the last.

It is no resource of its own, because it belongs to a region, and a gang may be had in another one than
planned.
"""

from __future__ import annotations

import re
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from dcplan.provider import errors
from dcplan.resources import Address
from dcplan_gcp.composite import Part, ensure, go_on
from dcplan_gcp.families import family_of, topology_of
from dcplan_gcp.lots import is_ordered
from dcplan_gcp.naming import name_of, request_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.provider.types import Request
    from dcplan_gcp.rest import Rest


class Policies:
    """Makes resource policies."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._guard = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        """One for each policy: the machines of a gang wait for theirs, and no gang for another."""
        self._known: set[str] = set()

    def of_machine(self, request: Request) -> list[str]:
        """The policy of a machine's gang, which is there when this returns; none for a machine of its own."""
        part = _part(request)
        if part is None:
            return []
        path = self._rest.path(part.scope, part.collection, part.name)
        with self._lock(path):
            if path not in self._known:
                ensure(self._rest, request.token, [[part]], go_on)
                self._known.add(path)
        return [path]

    def missed(self, request: Request) -> bool:
        """Somebody else has let go of the policy: it is to be made again.  False: this machine has none."""
        part = _part(request)
        if part is None:
            return False
        path = self._rest.path(part.scope, part.collection, part.name)
        with self._lock(path):
            self._known.discard(path)
        return True

    def leave(self, request: Request, stop: Callable[[], bool]) -> None:
        """A machine of a gang is gone, or was not to be had; with the last of them the policy goes."""
        part = _part(request)
        if part is None:
            return
        path = self._rest.path(part.scope, part.collection, part.name)
        with self._lock(path):
            self._known.discard(path)
        try:
            operation = self._rest.send("DELETE", path, request_id=request_id(request.token, "policy"))
            self._rest.settled(operation, f"delete {part.name}", within_s=None, stop=stop)
        except (errors.Conflict, errors.AlreadyGone):
            return  # Others of the gang are still in it, or were quicker.

    def _lock(self, path: str) -> threading.Lock:
        with self._guard:
            return self._locks[path]


def _region(request: Request) -> str:
    """Where a machine is, or, before it is made, is to be."""
    found = re.search(r"/zones/([^/]+)-[^/-]+/", request.object_id or "")
    return found[1] if found else str(request.attributes.get("region"))


def _part(request: Request) -> Part | None:
    """The policy that a machine's gang has, by the form that its family knows."""
    gang, machine = request.attributes.get("gang"), str(request.attributes.get("machine") or "")
    if not isinstance(gang, dict) or not machine:
        return None
    if is_ordered(request.attributes):
        return None  # A reservation made without a policy takes no machines that have one.
    family, size = family_of(machine), gang.get("size")
    if not isinstance(size, int) or size < 2:  # noqa: PLR2004 - one is close to itself
        return None
    address = Address(request.address.provider, "placement_policy", f"{gang.get('name')}-{size}")
    body: dict[str, Any] = {"name": name_of(request.lineage, address), "description": f"{address} of dcplan"}
    if family.compact:
        body["groupPlacementPolicy"] = {"collocation": "COLLOCATED", "vmCount": size}
    elif topology := topology_of(machine, size):
        body["workloadPolicy"] = {"type": "HIGH_THROUGHPUT", "acceleratorTopology": topology}
    else:
        return None
    return Part(scope=f"regions/{_region(request)}", collection="resourcePolicies", body=body)
