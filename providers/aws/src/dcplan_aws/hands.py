"""Objects that change hands: another owner's tag, or none, on an object and on all of its parts.

What is asked for has an id and nothing else, so the regions that are looked at are gone through.  First it
is looked what there is, then one call follows the other, the object's own last.  Each can be made again, and
what stopped on the way is told as not known, so that all of it is put back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from dcplan.provider.errors import Ambiguous, Conflict, DefiniteError
from dcplan.provider.lowering import ENDPOINT, JOB, REPLICA
from dcplan_aws.buckets import Buckets
from dcplan_aws.endpoints import Endpoints
from dcplan_aws.file_systems import FileSystems
from dcplan_aws.kinds import MACHINE_GROUPS
from dcplan_aws.machine_groups import MachineGroups
from dcplan_aws.makers import Shared, gone, object_id_of
from dcplan_aws.owner import ADDRESS, LINEAGE, By, as_list
from dcplan_aws.programs import Parameters

if TYPE_CHECKING:
    from dcplan.provider.types import Request
    from dcplan_aws.makers import Maker

PARAMETERS = frozenset({REPLICA, JOB, ENDPOINT, *MACHINE_GROUPS})
"""Kinds that are kept as parameters."""

Call: TypeAlias = Callable[[], object]


def set_owner(shared: Shared, maker: Maker, request: Request, regions: Sequence[str]) -> None:
    """Give ``request.object_id`` the owner ``request.lineage``, or nobody's tag, and the request's name.

    ``regions`` are those where it may be; its name must be free in all of them.
    """
    if request.lineage:
        _free(maker, request, regions)
    for i, call in enumerate(_calls(shared, maker, request, regions)):
        try:
            call()
        except DefiniteError as problem:
            if i == 0:
                raise
            raise Ambiguous(f"Some parts of {request.address} changed hands. {problem.detail}") from problem


def _free(maker: Maker, request: Request, regions: Sequence[str]) -> None:
    """``Conflict`` where the new owner has another object of that name."""
    for region in regions:
        for one in maker.seen(region, By(LINEAGE, (request.lineage,))):
            if one.address == request.address and one.object_id != request.object_id:
                raise Conflict(f"There is a {request.address} of that owner already ({one.object_id}).")


def _calls(shared: Shared, maker: Maker, request: Request, regions: Sequence[str]) -> list[Call]:
    """All that is to be sent, in its order; ``AlreadyGone`` where there is no such object."""
    if request.address.kind in PARAMETERS:
        kept = Parameters(shared, request.address.kind)
        there = kept.one(request)
        if there is None:
            raise gone(request)
        arns, fronts = maker.balanced(there) if isinstance(maker, Endpoints) else ([], [])
        if isinstance(maker, MachineGroups):
            return [*maker.handing(there, request.lineage), *kept.handing(request, there)]
        return [
            *_tagged(shared, there.region, request, fronts),
            *_balanced(shared, there.region, request, arns),
            *kept.handing(request, there),
        ]
    if isinstance(maker, Buckets | FileSystems):
        return maker.handing(request, regions)
    for region in regions:
        parts = maker.parts(region, object_id_of(request))
        if parts:
            calls = (_tagged(shared, region, request, some) for some in (parts[:-1], parts[-1:]))
            return [call for some in calls for call in some]
    raise gone(request)


def tags_of(request: Request) -> list[dict[str, str]]:
    """Whose it is from now on, and under which name."""
    name = f"dcplan {request.address.name}"
    return as_list({"Name": name, LINEAGE: request.lineage, ADDRESS: str(request.address)})


def _tagged(shared: Shared, region: str, request: Request, names: Sequence[str]) -> list[Call]:
    """The tags of things of EC2."""
    if not names:
        return []
    do = partial(shared.api.do, "ec2", region)
    if request.lineage:
        return [partial(do, "create_tags", Resources=list(names), Tags=tags_of(request))]
    return [partial(do, "delete_tags", Resources=list(names), Tags=[{"Key": LINEAGE}])]


def _balanced(shared: Shared, region: str, request: Request, arns: Sequence[str]) -> list[Call]:
    """The tags of a load balancer and its target groups."""
    if not arns:
        return []
    do = partial(shared.api.do, "elbv2", region)
    if request.lineage:
        return [partial(do, "add_tags", ResourceArns=list(arns), Tags=tags_of(request))]
    return [partial(do, "remove_tags", ResourceArns=list(arns), TagKeys=[LINEAGE])]
