"""Where requests come from, where traffic goes, and what all machines together may emit and draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.diag import ConfigPath

if TYPE_CHECKING:
    from dcplan.config.document import Document, ServeWorkload, TrainWorkload

HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPlace:
    """So large a share of the requests comes from one place."""

    place: str
    """As the user named it: a city, a region, ``latitude, longitude``."""
    share: float
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkBound:
    """The round trip to the users stays at or below ``bound_s`` for the share ``quantile`` of requests."""

    quantile: float
    bound_s: float
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """Traffic that leaves a workload's machines."""

    to: str
    """``internet`` or a region as ``provider:region``."""
    bytes_per_h: float
    """Of all replicas together, at the mean rate of requests."""
    origin: ConfigPath


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """The most of something that all machines together may have."""

    at_most: float
    origin: ConfigPath


def users_of(workload: ServeWorkload, origin: ConfigPath) -> tuple[UserPlace, ...]:
    """Where the requests come from; nothing where nobody said it."""
    users = workload.traffic.users
    path = (*origin, "traffic", "users")
    if users is None:
        return ()
    if isinstance(users, str):
        return (UserPlace(place=users, share=1.0, origin=path),)
    return tuple(UserPlace(place=p, share=s, origin=(*path, p)) for p, s in users.items() if s > 0)


def network_of(workload: ServeWorkload, origin: ConfigPath) -> tuple[NetworkBound, ...]:
    """The bounds on the round trip."""
    told = workload.sla.network
    if told is None:
        return ()
    bounds = {50: told.p50, 90: told.p90, 95: told.p95, 99: told.p99}
    return tuple(
        NetworkBound(quantile=q / 100, bound_s=bound, origin=(*origin, "sla", "network", f"p{q}"))
        for q, bound in bounds.items()
        if bound is not None
    )


def egress_of(
    workload: ServeWorkload | TrainWorkload, origin: ConfigPath, requests_per_s: float = 0.0
) -> tuple[Egress, ...]:
    """What leaves the machines each hour; ``requests_per_s`` is the mean rate of what answers."""
    return tuple(
        Egress(
            to=e.to,
            bytes_per_h=(e.per_hour or 0.0) + (e.per_request or 0.0) * requests_per_s * HOUR_S,
            origin=(*origin, "egress", i),
        )
        for i, e in enumerate(workload.egress)
    )


def carbon_of(document: Document) -> Cap | None:
    """The most CO2e of all machines, kilograms per hour."""
    cap = document.constraints.carbon
    return None if cap is None else Cap(at_most=cap, origin=("constraints", "carbon"))


def power_of(document: Document) -> Cap | None:
    """The most power of all machines, watts."""
    cap = document.constraints.power
    return None if cap is None else Cap(at_most=cap, origin=("constraints", "power"))
