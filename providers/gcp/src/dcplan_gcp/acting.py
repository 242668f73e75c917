"""What acts and looks on Google Cloud: each call to the part that knows its kind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from dcplan.diag import listed
from dcplan.provider import errors
from dcplan.provider.lowering import ENDPOINT, JOB, REPLICA
from dcplan.provider.storage import BUCKET
from dcplan.provider.types import Ack, Found, Refreshed
from dcplan.resources import Action
from dcplan_gcp import placed
from dcplan_gcp.buckets import Buckets
from dcplan_gcp.endpoints import Endpoints
from dcplan_gcp.gke import Gke
from dcplan_gcp.group_parts import TEMPLATES
from dcplan_gcp.instances import Instances
from dcplan_gcp.kinds import BLOCK, INSTANCE, KINDS, MANAGED_GROUP, NETWORK, NODE_POOL, RESERVATION
from dcplan_gcp.machines import Machines
from dcplan_gcp.managed_groups import ManagedGroups
from dcplan_gcp.naming import EVERYTHING, prefix_of, tag, tag_in
from dcplan_gcp.networks import Networks
from dcplan_gcp.node_pools import NodePools
from dcplan_gcp.placed import Placed
from dcplan_gcp.places import Places
from dcplan_gcp.policies import Policies
from dcplan_gcp.reservations import Reservations, keeps_its_owner
from dcplan_gcp.rest import Rest
from dcplan_gcp.settings import endpoint, project_of
from dcplan_gcp.slices import Slices
from dcplan_gcp.windows import Windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from dcplan.provider.protocol import Stop
    from dcplan.provider.types import Request
    from dcplan.resources import JsonValue, Resource
    from dcplan_gcp.machines import Maker
    from dcplan_gcp.settings import GcpSettings

ON_INSTANCES = frozenset({INSTANCE, REPLICA, JOB})
"""Kinds that one list of instances shows."""


class Acting:
    """One project of Google Cloud."""

    def __init__(self, settings: GcpSettings) -> None:
        """Opens no connection; raises ``Invalid`` when nobody says which project it is."""
        rest = Rest(project_of(settings), endpoint())
        places = Places(rest, settings.zones)
        self.rest = rest
        self._networks = Networks(rest)
        self._reservations, self._windows = Reservations(rest), Windows(rest)
        policies = Policies(rest)
        singles = Instances(rest, settings, self._networks, policies, places, self._windows)
        self._machines = Machines(rest, singles, Slices(rest, settings, singles, places))
        self._endpoints = Endpoints(rest, self._networks, self._machines)
        self._placed = Placed(rest, self._machines)
        self._buckets = Buckets(rest)
        self._groups = ManagedGroups(rest, settings, singles, policies)
        self._gke = Gke(rest.project, endpoint())
        self._pools = NodePools(rest, self._gke, settings, singles, policies)
        asked = {wish.kind for wish in settings.wishes()}
        self._kinds = {kind for kind in KINDS if kind != NODE_POOL or kind in asked}
        """Of what is listed where everything is: who has no cluster need not enable its API."""
        self._makers: Mapping[str, Maker] = {
            NETWORK: self._networks,
            RESERVATION: self._reservations,
            BLOCK: self._windows,
            MANAGED_GROUP: self._groups,
            NODE_POOL: self._pools,
            REPLICA: self._placed,
            JOB: self._placed,
            ENDPOINT: self._endpoints,
            BUCKET: self._buckets,
        }

    def begin(self, request: Request) -> Ack:
        """The one call."""
        maker = self._maker(request)
        if request.action is Action.CREATE:
            return maker.begin_create(request)
        if request.object_id is None:
            raise errors.AlreadyGone(f"{request.address} has no id, so there is nothing to {request.action}.")
        if request.action is Action.UPDATE:
            return maker.begin_update(request)
        if request.action is Action.DELETE:
            return maker.begin_delete(request)
        raise errors.Invalid(f"A call to {request.action} does not exist. This is a bug in dcplan.")

    def wait(self, request: Request, ack: Ack, stop: Stop) -> Mapping[str, JsonValue]:
        """Until it is ready, or gone."""
        maker = self._maker(request)
        if not ack.object_id.startswith("projects/"):
            raise errors.AlreadyGone(f"{request.address} ({ack.object_id}) does not exist.")
        if stop():
            raise errors.Cancelled("Stopped waiting for Google Cloud.")
        if request.action is Action.DELETE:
            maker.wait_delete(request, ack, stop)
            return {}
        return maker.wait(request, ack, stop)

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """What a request may have made, or is about."""
        kind = request.address.kind
        if kind == INSTANCE:
            return self._machines.lookup(request)
        if kind in {REPLICA, JOB}:
            return self._placed.lookup(request)
        if kind == MANAGED_GROUP:
            return self._groups.lookup(request)
        if kind == NODE_POOL:
            return self._pools.lookup(request)
        named = request.object_id and tag_in(request.object_id)
        found = self._surveyed({kind}, prefix_of(named or tag(request.lineage)))
        return tuple(
            f
            for f in found
            if (f.object_id == request.object_id if request.object_id else f.address == request.address)
        )

    def refresh(self, resources: Sequence[Resource]) -> Refreshed:
        """Lists of what carries the tags that are in the resources' ids."""
        ids = {r.address: str(r.outputs.get("id") or "") for r in resources}
        wanted: dict[str, set[str]] = {}
        for address, object_id in ids.items():
            named = tag_in(object_id)
            if named is not None:
                wanted.setdefault(named, set()).add(address.kind)
        before = self.rest.calls + self._gke.calls
        known = {str(r.outputs.get("id")): r.attributes for r in resources if r.address.kind == NODE_POOL}
        there: dict[str, Found] = {}
        slices = any("/queuedResources/" in object_id for object_id in ids.values())
        for named, kinds in wanted.items():
            of, prefix = f"dcplan-{named}-" if slices else None, prefix_of(named)
            listed_too = any(f"/{TEMPLATES}/dcplan-{named}-" in object_id for object_id in ids.values())
            surveyed = self._surveyed(kinds, prefix, slices_of=of, templates=listed_too, known=known)
            there.update({f.object_id: f for f in surveyed})
        found = {address: there.get(object_id) for address, object_id in ids.items()}
        return Refreshed(found=found, calls=self.rest.calls + self._gke.calls - before)

    def owned(self, lineage: str) -> tuple[Found, ...]:
        """Everything with the owner's tag: whoever had it when it was made, so all of dcplan's is listed.

        But for capacity blocks that are locked: of those that were let go of, nobody can take the tag away.
        """
        found = self._surveyed(self._kinds, EVERYTHING, slices_of="dcplan-", templates=True, locked=False)
        return tuple(f for f in found if f.lineage == lineage)

    def set_owner(self, request: Request) -> None:
        """Another owner and name for an object; ``Conflict`` when the owner has one of that name."""
        if request.object_id is None:
            raise errors.AlreadyGone(f"{request.address} has no id.")
        if request.lineage and any(
            f.address == request.address and f.object_id != request.object_id
            for f in self.owned(request.lineage)
        ):
            raise errors.Conflict(f"There is a {request.address} already.")
        owners: dict[str, Callable[[Request], None]] = {
            NETWORK: self._networks.set_owner,
            RESERVATION: keeps_its_owner,
            BLOCK: keeps_its_owner,
            MANAGED_GROUP: self._groups.set_owner,
            NODE_POOL: keeps_its_owner,
            INSTANCE: self._machines.set_owner,
            ENDPOINT: self._endpoints.set_owner,
            BUCKET: self._buckets.set_owner,
        }
        owners.get(request.address.kind, self._placed.set_owner)(request)

    def _surveyed(  # noqa: PLR0913 - what lists may leave out
        self,
        kinds: set[str],
        wanted: str,
        *,
        slices_of: str | None = None,
        templates: bool = False,
        locked: bool = True,
        known: Mapping[str, Mapping[str, JsonValue]] = MappingProxyType({}),
    ) -> list[Found]:
        """All of these kinds that a filter of names shows, by lists side by side.

        ``slices_of``: TPU slices of this tag as well; ``templates``: those that a kill left without a group;
        ``known``: attributes of node pools by id, which hold not all of them.
        """

        def on_instances() -> Iterator[Found]:
            found, there = self._machines.listed(wanted, slices_of)
            yield from found
            yield from placed.survey(there)

        looks: list[Callable[[], Iterator[Found]]] = []
        if kinds & ON_INSTANCES:
            looks.append(on_instances)
        for kind, survey in (
            (NETWORK, self._networks.survey),
            (MANAGED_GROUP, partial(self._groups.survey, templates=templates)),
            (NODE_POOL, partial(self._pools.survey, known=known)),
            (ENDPOINT, self._endpoints.survey),
            (RESERVATION, self._reservations.survey),
            (BLOCK, partial(self._windows.survey, locked=locked)),
            (BUCKET, self._buckets.survey),
        ):
            if kind in kinds:
                looks.append(partial(survey, wanted))
        with ThreadPoolExecutor(max(len(looks), 1)) as pool:
            every = [pool.submit(_all_of, look) for look in looks]
            return [found for one in every for found in one.result() if found.address.kind in kinds]

    def _maker(self, request: Request) -> Maker:
        if request.address.kind == INSTANCE:
            return self._machines.of(request)
        maker = self._makers.get(request.address.kind)
        if maker is None:
            msg = f'dcplan-gcp makes no "{request.address.kind}"; it makes {listed(sorted(KINDS))}.'
            raise errors.Invalid(msg)
        return maker


def _all_of(look: Callable[[], Iterator[Found]]) -> list[Found]:
    return list(look())
