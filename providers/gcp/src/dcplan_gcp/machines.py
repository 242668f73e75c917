"""Machines of any sort: instances of Compute Engine, and hosts of TPU slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from dcplan.provider import errors
from dcplan_gcp import instances
from dcplan_gcp.slices import is_slice

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dcplan.provider.types import Ack, Found, Request
    from dcplan.resources import JsonValue
    from dcplan_gcp.instances import Instances
    from dcplan_gcp.rest import Rest
    from dcplan_gcp.slices import Slices


class Maker(Protocol):
    """What makes one kind of object."""

    def begin_create(self, request: Request) -> Ack:
        """The call that makes it."""

    def begin_update(self, request: Request) -> Ack:
        """The call that changes it."""

    def begin_delete(self, request: Request) -> Ack:
        """The call that takes it away."""

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> dict[str, JsonValue]:
        """It is ready; its outputs."""

    def wait_delete(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> None:
        """It is gone."""


class Machines:
    """Makes and finds machines; each goes to who knows its sort."""

    def __init__(self, rest: Rest, singles: Instances, slices: Slices) -> None:
        self._rest = rest
        self._singles = singles
        self._slices = slices

    def of(self, request: Request) -> Maker:
        """Who makes this machine."""
        return self._slices if is_slice(request.attributes, request.object_id) else self._singles

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """What a create may have made, or the machine of an id."""
        if is_slice(request.attributes, request.object_id):
            return self._slices.lookup(request)
        return self._singles.lookup(request)

    def set_owner(self, request: Request) -> None:
        """Another owner and name."""
        if is_slice(request.attributes, request.object_id):
            self._slices.set_owner(request)
        else:
            self._singles.set_owner(request)

    def listed(self, wanted: str, slices_of: str | None) -> tuple[list[Found], list[dict[str, Any]]]:
        """Machines that a filter shows, and as instances that things run on; slices by how names begin."""
        singles = self._singles.listed(wanted)
        hosts, views = self._slices.listed(slices_of) if slices_of else ([], [])
        return [*instances.survey(singles), *hosts], [*singles, *views]

    def view(self, path: str) -> dict[str, Any] | None:
        """A machine as an instance of Compute Engine; None where there is none."""
        return self._slices.view(path) if "/queuedResources/" in path else self._rest.find(path)

    def get(self, path: str) -> dict[str, Any]:
        """The same; ``AlreadyGone`` where there is none."""
        there = self.view(path)
        if there is None:
            raise errors.AlreadyGone(f"The machine {path} does not exist.")
        return there

    def edit(
        self, path: str, change: Callable[[dict[str, str]], dict[str, str]], first_id: str | None = None
    ) -> Mapping[str, Any] | None:
        """Change what the machine's agent reads; the operation, where there is one to wait for."""
        if "/queuedResources/" in path:
            self._slices.edit(path, change)
            return None
        return self._singles.edit(path, change, first_id)
