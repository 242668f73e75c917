"""Acting on AWS and looking at it: drives the makers of the kinds."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from dcplan.provider.errors import AlreadyGone, Cancelled, Denied, Invalid
from dcplan.provider.lowering import ENDPOINT, JOB, REPLICA
from dcplan.provider.protocol import Stop
from dcplan.provider.start_up import StartUp
from dcplan.provider.storage import BUCKET, FILE_SYSTEM
from dcplan.provider.types import Ack, Found, Refreshed, Request
from dcplan.resources import Action, Address, JsonValue, Resource
from dcplan_aws.api import Api
from dcplan_aws.blocks import Blocks
from dcplan_aws.buckets import Buckets
from dcplan_aws.endpoints import Endpoints
from dcplan_aws.file_systems import FileSystems
from dcplan_aws.fleets import Fleets
from dcplan_aws.groups import PlacementGroups
from dcplan_aws.hands import set_owner
from dcplan_aws.instances import Instances
from dcplan_aws.kinds import (
    BLOCK,
    CONSISTENCY_WINDOW_S,
    FLEET,
    GROUP,
    INSTANCE,
    NETWORK,
    NODE_GROUP,
    RESERVATION,
    SCALING_GROUP,
)
from dcplan_aws.launch import Seats
from dcplan_aws.machine_groups import MachineGroups
from dcplan_aws.makers import Ended, Maker, Shared
from dcplan_aws.network import Networks
from dcplan_aws.node_groups import NodeGroups
from dcplan_aws.owner import LINEAGE, TOKEN, By
from dcplan_aws.programs import Programs
from dcplan_aws.reservations import Reservations
from dcplan_aws.scaling import ScalingGroups

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 5.0
"""Between looks at something that is waited for; each pause is half as long again as the one before."""
_GROWTH = 1.5
_SLICE_S = 0.2
"""A stop is noticed this soon."""
AT_ONCE = 16
"""Lists that are asked for side by side."""


@dataclass(slots=True, kw_only=True)
class Acting:
    """What AwsProvider hands to whoever acts."""

    regions: Sequence[str]
    """In which something of ours may be."""
    profile: str | None = None
    start_up: StartUp | None = None
    """What machines run first."""
    _shared: Shared = field(init=False)
    _makers: Mapping[str, Maker] = field(init=False)
    _enabled: Sequence[str] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        """Make the makers; nothing is asked yet."""
        self._shared = shared = Shared(Api(profile=self.profile), self.start_up)
        self._makers = {
            NETWORK: Networks(shared),
            BLOCK: Blocks(shared),
            RESERVATION: Reservations(shared),
            GROUP: PlacementGroups(shared),
            INSTANCE: Instances(shared),
            REPLICA: Programs(shared, REPLICA),
            JOB: Programs(shared, JOB),
            SCALING_GROUP: MachineGroups(shared, SCALING_GROUP, ScalingGroups(shared, Seats(shared))),
            FLEET: MachineGroups(shared, FLEET, Fleets(shared, Seats(shared))),
            NODE_GROUP: MachineGroups(shared, NODE_GROUP, NodeGroups(shared, Seats(shared))),
            ENDPOINT: Endpoints(shared),
            BUCKET: Buckets(shared),
            FILE_SYSTEM: FileSystems(shared),
        }

    def begin(self, request: Request) -> Ack:
        """Make the one mutating call."""
        maker = self._maker(request)
        match request.action:
            case Action.CREATE:
                return maker.create(request)
            case Action.UPDATE:
                return maker.update(request)
            case Action.DELETE:
                return maker.delete(request)
            case _:
                raise Invalid(f"{request.action} of {request.address} is no call. This is a bug in dcplan.")

    def wait(self, request: Request, ack: Ack, stop: Stop) -> Mapping[str, JsonValue]:
        """Look until it is ready or gone, and drive what has parts."""
        maker = self._maker(request)
        pause_s, until_s = FIRST_PAUSE_S, time.monotonic() + CONSISTENCY_WINDOW_S
        while True:
            if request.action is Action.DELETE:
                if maker.gone(request, ack.object_id):
                    return {}
            else:
                outputs = self._settled(maker, request, ack, until_s, stop)
                if outputs is not None:
                    return outputs
            _pause(pause_s, stop, request)
            pause_s = min(LONGEST_PAUSE_S, pause_s * _GROWTH)

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """What a create may have made, by its token; else the object with the id."""
        maker = self._maker(request)
        if request.action is Action.CREATE:
            by, regions = By(TOKEN, (request.token,), request.lineage), [maker.region(request)]
        elif request.object_id:
            by = By("id", (request.object_id,))
            known = maker.region_of(request.object_id, request.attributes)
            # Of an import only the id is known.
            regions = [known] if known else [*self._usable()]
        else:
            return ()
        try:
            looks = [(region, request.address.kind, by) for region in regions]
            return tuple(one for there in self._side_by_side(looks) for one in there)
        except AlreadyGone:
            return ()

    def set_owner(self, request: Request) -> None:
        """Another owner's tag, or none, on an object and its parts."""
        set_owner(self._shared, self._maker(request), request, [*self._usable()])

    def refresh(self, resources: Sequence[Resource]) -> Refreshed:
        """All of one kind in one region together."""
        found: dict[Address, Found | None] = {resource.address: None for resource in resources}
        asked: defaultdict[tuple[str, str], dict[str, Address]] = defaultdict(dict)
        for resource in resources:
            maker, object_id = self._makers.get(resource.address.kind), resource.outputs.get("id")
            if maker is None or not isinstance(object_id, str):
                continue
            region = maker.region_of(object_id, resource.attributes)
            if region is not None:
                asked[region, resource.address.kind][object_id] = resource.address
        before = self._shared.api.calls
        looks = [(region, kind, By("id", tuple(ids))) for (region, kind), ids in asked.items()]
        for (region, kind, _), there in zip(looks, self._side_by_side(looks), strict=True):
            for one in there:
                address = asked[region, kind].get(one.object_id)
                if address is not None:
                    found[address] = one
        return Refreshed(found=found, calls=self._shared.api.calls - before)

    def owned(self, lineage: str) -> tuple[Found, ...]:
        """Every object of this owner in every region that the account may use."""
        looks = [(r, kind, By(LINEAGE, (lineage,))) for r in self._usable() for kind in self._makers]
        return tuple(one for there in self._side_by_side(looks) for one in there)

    def _settled(
        self, maker: Maker, request: Request, ack: Ack, until_s: float, stop: Stop
    ) -> Mapping[str, JsonValue] | None:
        """What a new object answers once it is ready; one that is not seen yet may be, later."""
        if stop():
            raise Cancelled(f"Stopped waiting for {request.address}; it goes on by itself.")
        try:
            return maker.settle(request, ack.object_id)
        except Ended:
            raise
        except AlreadyGone:
            fresh = request.action is Action.CREATE and _could_be(request.address.kind, ack.object_id)
            if not fresh or time.monotonic() > until_s:
                raise
            return None

    def _maker(self, request: Request) -> Maker:
        maker = self._makers.get(request.address.kind)
        if maker is None:
            raise Invalid(f"AWS has no kind of resource that dcplan calls {request.address.kind}.")
        return maker

    def _side_by_side(self, looks: Sequence[tuple[str, str, By]]) -> list[Sequence[Found]]:
        """What each of these looks shows; raises the first ``ProviderError``."""
        if len(looks) <= 1:
            return [self._makers[kind].seen(region, by) for region, kind, by in looks]
        with ThreadPoolExecutor(min(AT_ONCE, len(looks)), thread_name_prefix="dcplan-aws") as pool:
            return list(pool.map(lambda look: self._makers[look[1]].seen(look[0], look[2]), looks))

    def _usable(self) -> Iterable[str]:
        """Of ``regions`` those that the account has switched on; all, where it may not know."""
        if self._enabled is None:
            if len(self.regions) == 1:
                return self.regions
            try:
                shown = self._shared.api.look("ec2", self.regions[0], "describe_regions")["Regions"]
            except Denied:
                self._enabled = self.regions
            else:
                on = {region["RegionName"] for region in shown}
                self._enabled = [region for region in self.regions if region in on]
        return self._enabled


def _could_be(kind: str, object_id: str) -> bool:
    """Whether AWS may have given this id: what has another form will never be seen."""
    starts = {INSTANCE: "i-", NETWORK: "vpc-", GROUP: "dcplan-", BLOCK: "cr-", RESERVATION: "cr-"}
    starts |= {BUCKET: "dcplan-", FILE_SYSTEM: "fs-"}
    return object_id.startswith(starts[kind]) if kind in starts else ":/dcplan/" in object_id


def _pause(pause_s: float, stop: Stop, request: Request) -> None:
    """Sleep in slices; ``Cancelled`` as soon as the user wants to stop."""
    until_s = time.monotonic() + pause_s
    while (left_s := until_s - time.monotonic()) > 0:
        if stop():
            raise Cancelled(f"Stopped waiting for {request.address}; it goes on by itself.")
        time.sleep(min(left_s, _SLICE_S))
