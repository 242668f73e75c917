"""Provider: the boundary between dcplan and the clouds, and the data centre it brings along.

Takes: Placement, Request, settings.       Gives: Resource, Offering, Ack, Found, typed errors.
Knows: entry points, Jinja2.               Never: a plan, a state, a cloud's SDK.

``local`` is the embedded data centre, ``catalogued`` the base of clouds that only
plan and ``contract`` the conformance tests of all providers; none is imported
before it is needed.
"""

from dcplan.provider.discover import discover, open_providers
from dcplan.provider.errors import (
    AlreadyGone,
    Ambiguous,
    Cancelled,
    CapacityUnavailable,
    Conflict,
    DefiniteError,
    Denied,
    HoldsData,
    Invalid,
    NotReady,
    ProviderError,
    QuotaExceeded,
    Throttled,
    TransientError,
)
from dcplan.provider.lowering import lower
from dcplan.provider.protocol import API_VERSION, HasQuotas, Provider, ProviderFactory, Stop
from dcplan.provider.types import (
    Ack,
    Found,
    Idempotency,
    Kind,
    MachineGroup,
    OfferingQuery,
    Placement,
    ProviderInfo,
    Refreshed,
    ReplicaSpec,
    Request,
    WorkloadSpec,
    request_of,
)

__all__ = [
    "API_VERSION",
    "Ack",
    "AlreadyGone",
    "Ambiguous",
    "Cancelled",
    "CapacityUnavailable",
    "Conflict",
    "DefiniteError",
    "Denied",
    "Found",
    "HasQuotas",
    "HoldsData",
    "Idempotency",
    "Invalid",
    "Kind",
    "MachineGroup",
    "NotReady",
    "OfferingQuery",
    "Placement",
    "Provider",
    "ProviderError",
    "ProviderFactory",
    "ProviderInfo",
    "QuotaExceeded",
    "Refreshed",
    "ReplicaSpec",
    "Request",
    "Stop",
    "Throttled",
    "TransientError",
    "WorkloadSpec",
    "discover",
    "lower",
    "open_providers",
    "request_of",
]
