"""Kubernetes Engine over plain REST, and what its node pools say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dcplan.provider import errors
from dcplan_gcp.answers import SWITCHED_OFF, rpc_failure
from dcplan_gcp.rest import FIRST_LOOK_S, LONGEST_PAUSE_S, Rest, pause, relative

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GOOGLE_GKE = "https://container.googleapis.com"

BUSY = "incompatible operation"
"""What GKE says while something else is being done to a cluster or a pool."""

SOLD_OUT = ("GCE_STOCKOUT", "RESOURCE_POOL_EXHAUSTED", "does not have enough resources")
NO_QUOTA = ("GCE_QUOTA_EXCEEDED", "QUOTA_EXCEEDED")
"""What stands in errors of operations and conditions of pools (terraform-provider-google, issues 3304, 10823;
GKE API, ``StatusCondition``)."""


class Gke(Rest):
    """Calls about clusters of one project."""

    def __init__(self, project: str, endpoint: str | None = None) -> None:
        super().__init__(project, endpoint)
        self.root = (endpoint or GOOGLE_GKE).rstrip("/")

    def _url(self, path: str) -> str:
        return f"{self.root}/v1/{path}"

    def _answer(
        self, verb: str, path: str, query: Mapping[str, str], body: Any, *, changes: bool | None = None
    ) -> dict[str, Any]:
        try:
            return super()._answer(verb, path, query, body, changes=changes)
        except errors.Invalid as refused:
            if BUSY in refused.detail:
                raise errors.NotReady(refused.detail, retry_after_s=5.0) from None
            raise

    def pools(self) -> list[dict[str, Any]]:
        """All node pools of all clusters; none where the API is not switched on.

        Raises ``NotReady`` where a location does not answer.
        """
        try:
            told = self.get(self.path("locations/-", "clusters"))
        except errors.Denied as refused:
            if any(said in refused.detail for said in SWITCHED_OFF):
                return []
            raise
        if told.get("missingZones"):
            raise errors.NotReady(f"Google Cloud cannot reach {told['missingZones']} now.")
        return [pool for cluster in told.get("clusters", []) for pool in cluster.get("nodePools", [])]

    def ended(
        self, operation: Mapping[str, Any], what: str, *, within_s: float | None, stop: Callable[[], bool]
    ) -> None:
        """Look at an operation until it ends, or for a while; raises the error it ended with."""
        left_s, pause_s = within_s, FIRST_LOOK_S
        while operation.get("status") != "DONE" and (left_s is None or left_s > 0):
            pause(pause_s, stop)
            left_s = None if left_s is None else left_s - pause_s
            pause_s = min(pause_s * 1.6, LONGEST_PAUSE_S)
            try:
                operation = self.get(relative(str(operation["selfLink"])))
            except errors.ProviderError:
                if within_s is None:
                    raise
                return  # What was begun goes on, whether anybody can see it or not.
        told = operation.get("error")
        if told:
            raise (
                meant(str(told.get("message", "")), what)
                or rpc_failure(operation, what)
                or errors.Ambiguous(what)
            )


def meant(said: str, what: str) -> errors.ProviderError | None:
    """The error that a message about nodes is, where it tells of stock or quota."""
    told = f"Google Cloud could not {what}: {said.rstrip('.')}."
    if any(mark in said for mark in NO_QUOTA):
        return errors.QuotaExceeded(told)
    if any(mark in said for mark in SOLD_OUT):
        return errors.CapacityUnavailable(told)
    return None


def trouble(pool: Mapping[str, Any], what: str) -> errors.ProviderError | None:
    """Why a node pool is not what it should be; None where it is, or may still become so."""
    if pool.get("status") not in {"ERROR", "RUNNING_WITH_ERROR"}:
        return None
    conditions = [f"{c.get('code', '')} {c.get('message', '')}" for c in pool.get("conditions", [])]
    said = " ".join([*conditions, str(pool.get("statusMessage", ""))])
    return meant(said, what) or errors.Invalid(f"Google Cloud could not {what}: {said.strip()}.")
