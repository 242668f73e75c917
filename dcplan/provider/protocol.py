"""Everything the core asks of a cloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from dcplan.diag import Result

if TYPE_CHECKING:
    from dcplan.catalog.live_types import LiveCatalog
    from dcplan.catalog.purchase import Quota
    from dcplan.catalog.site import ZoneSite
    from dcplan.catalog.types import Machine, Offering
    from dcplan.provider.permissions import Allowance, Use
    from dcplan.provider.types import (
        Ack,
        Found,
        OfferingQuery,
        Placement,
        ProviderInfo,
        Refreshed,
        Request,
    )
    from dcplan.resources import JsonValue, Resource

API_VERSION = 1

Stop: TypeAlias = Callable[[], bool]
"""Answers True once the user wants to stop: waits end, calls do not."""


@runtime_checkable
class Provider(Protocol):
    """One cloud or data centre.

    ``machines``, ``offerings``, ``site`` and ``resources_for`` describe, ``begin`` and ``wait`` act,
    ``lookup``, ``refresh`` and ``owned`` look.  Whatever fails while acting or
    looking raises one of ``dcplan.provider.errors``; nothing else may escape.
    """

    @property
    def info(self) -> ProviderInfo:
        """What this provider is and can make."""

    def machines(self) -> Result[tuple[Machine, ...]]:
        """The machine types it knows."""

    def offerings(self, query: OfferingQuery) -> Result[tuple[Offering, ...]]:
        """What can be had.  Always all of it: ``available=False`` instead of absence."""

    def site(self) -> Result[tuple[ZoneSite, ...]]:
        """What is known of racks and links; empty when the cloud does not tell."""

    def resources_for(self, placement: Placement) -> Result[tuple[Resource, ...]]:
        """The resources that realise a placement.  Pure: no network, no clock."""

    def begin(self, request: Request) -> Ack:
        """Make the one mutating call; return as soon as the object's identity is known.

        Called again with the same token while it is valid, it gives the same
        answer and makes nothing new.
        """

    def wait(self, request: Request, ack: Ack, stop: Stop) -> Mapping[str, JsonValue]:
        """Return the outputs once the object is ready (or, for a delete, gone: no outputs).

        Raises ``Cancelled`` when ``stop()`` answers True first.
        """

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """The objects that this request may have made or, for update and delete, is about."""

    def refresh(self, resources: Sequence[Resource]) -> Refreshed:
        """What is there now, by as few calls as the cloud allows."""

    def owned(self, lineage: str) -> tuple[Found, ...]:
        """Every object that carries this owner tag, whatever the state says.

        All pages of it, by as few list calls as the cloud allows, side by side where one does not
        need the answer of another.  An object that is missing here is no orphan to anybody.
        """


@runtime_checkable
class HasQuotas(Protocol):
    """A provider that knows how much it gives one account; others give all that they offer."""

    def quotas(self) -> Result[tuple[Quota, ...]]:
        """What counts against which quota, and how much each is."""


@runtime_checkable
class HasOwners(Protocol):
    """A provider that can give an object another owner tag; with others the tag stays as it is made.

    Without it, what was forgotten still carries this state's tag, and what belongs to another state cannot
    be taken over.
    """

    def set_owner(self, request: Request) -> None:
        """Put ``request.lineage`` and the name of ``request.address`` on the object ``request.object_id``.

        An empty lineage takes the tag away.  Done twice, it does nothing the second time.  Raises
        ``AlreadyGone`` when there is no such object, ``Conflict`` when the owner has one of that name.
        """


@runtime_checkable
class HasLiveCatalog(Protocol):
    """A provider that can be asked what it offers today; plans use what was last asked, and ask nobody."""

    @property
    def prices_max_age_s(self) -> float | None:
        """Older prices are warned of, as the settings say; None: those that were refreshed, after a month."""

    def live_regions(self) -> tuple[str, ...]:
        """The regions that the settings are about, by which a refresh goes when nobody names any."""

    def live(self, regions: Sequence[str], at_s: float) -> Result[LiveCatalog]:
        """What it says now (``at_s``, Unix time) of these regions, rules of its own price lists applied.

        Asks several regions side by side, and changes nothing.  What could not be asked for (a permission
        that is missing, a region that is not enabled) is a warning, and not among what is told; no answer
        at all is an error.
        """


@runtime_checkable
class TellsPermissions(Protocol):
    """A provider that knows what must be allowed to whoever acts through it; with others nobody can tell."""

    def permissions(self, use: Use) -> tuple[Allowance, ...]:
        """The smallest documents that allow ``use`` and nothing else; none where nothing is needed.

        Pure: opens no connection, and needs no credentials.
        """


@runtime_checkable
class KeepsFiles(Protocol):
    """A factory whose providers keep files of their own, in the work folder unless settings say otherwise."""

    def in_work_folder(self, folder: Path) -> ProviderFactory:
        """The same factory, with this work folder in place of the usual one."""

    def __call__(self, settings: Mapping[str, object], root: Path) -> Result[Provider]:
        """As any ``ProviderFactory``."""


ProviderFactory: TypeAlias = Callable[[Mapping[str, object], Path], Result[Provider]]
"""What an entry point of the group ``dcplan.providers`` names: settings from the document and the
folder that paths in them start from, to a provider.  Diagnostics have their full path, from
``("providers", <name>)`` on.  Opens no connection and changes nothing."""
