"""Resize requests: members of a group that come together when there are some (flex start).

A group of such machines begins empty; a request waits in Google's queue with or without dcplan, and the wait
for it can be taken up again.  Source: Compute Engine documentation, "About resize requests in a MIG".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dcplan.provider import errors
from dcplan.provider.purchases import QueueSpec
from dcplan_gcp.group_parts import resize_request
from dcplan_gcp.launch import LONGEST_FLEX_S
from dcplan_gcp.naming import request_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.provider.types import Request
    from dcplan_gcp.rest import Rest
    from dcplan_gcp.settings import GcpSettings

REQUESTS = "resizeRequests"

OPEN = frozenset({"CREATING", "ACCEPTED"})
LOST = frozenset({"FAILED", "CANCELLED"})


class Waiting:
    """Asks for members that come when there are some."""

    def __init__(self, rest: Rest, settings: GcpSettings) -> None:
        self._rest = rest
        queue = settings.queued if isinstance(settings.queued, QueueSpec) else QueueSpec()
        self._keeps_s = queue.at_most or LONGEST_FLEX_S

    def ask(self, request: Request, path: str, floor: int, stop: Callable[[], bool]) -> None:
        """There are so many members, or requests for those that are missing."""
        there, size = self._requests(path), int(self._rest.get(path).get("targetSize", 0))
        coming = sum(int(one.get("resizeBy", 0)) for one in there if one.get("state") in OPEN)
        missing = floor - size - coming
        body = resize_request(request, missing, self._keeps_s)
        if missing <= 0 or any(one["name"] == body["name"] for one in there):
            return
        try:
            again = request_id(request.token, f"{path} {missing} more")
            operation = self._rest.insert(f"{path}/{REQUESTS}", body, again)
        except errors.Conflict:
            return  # Another call of this request was quicker.
        self._rest.settled(operation, f"ask for {missing} members", within_s=None, stop=stop)

    def look(self, request: Request, path: str) -> None:
        """Raise ``CapacityUnavailable`` once a request of this group was refused."""
        del request
        for one in self._requests(path):
            if one.get("state") in LOST:
                told = one.get("status", {}).get("error", {}).get("errors") or [{}]
                said = str(told[0].get("message") or f"it is {one['state']}").rstrip(".")
                raise errors.CapacityUnavailable(f"No machines came for {one['name']}: {said}.")

    def cancel(self, path: str, stop: Callable[[], bool]) -> None:
        """No request of a group waits any more, and none that was refused is left."""
        if self._rest.find(path) is None:
            return
        for one in self._requests(path):
            there = f"{path}/{REQUESTS}/{one['name']}"
            try:
                if one.get("state") in OPEN:
                    operation = self._rest.send("POST", f"{there}/cancel")
                    self._rest.settled(operation, f"cancel {one['name']}", within_s=None, stop=stop)
                operation = self._rest.send("DELETE", there)
                self._rest.settled(operation, f"delete {one['name']}", within_s=None, stop=stop)
            except (errors.AlreadyGone, errors.Invalid):
                continue  # It has ended meanwhile, or goes with its group.

    def _requests(self, path: str) -> list[dict[str, Any]]:
        return self._rest.listed(f"{path}/{REQUESTS}", "")
