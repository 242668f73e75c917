"""Rules between the keys that tell where things are."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from dcplan.config.document import ServeWorkload
from dcplan.diag import error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.config.check import Names
    from dcplan.config.document import Document
    from dcplan.diag import Diagnostic

NEARLY = 1e-6
"""Shares that were rounded still add up."""


def users_add_up(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """The shares of users are all of them."""
    for name, workload in document.workloads.items():
        users = workload.traffic.users if isinstance(workload, ServeWorkload) else None
        total = sum(users.values()) if isinstance(users, dict) else 1.0
        if not math.isclose(total, 1.0, abs_tol=NEARLY):
            detail = f"The users of {name} add up to {total:.6g} of the requests. Make them add up to 100%."
            path = ("workloads", name, "traffic", "users")
            yield error("users-share", "Shares of users do not add up", detail, path=path)


def network_has_users(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """A bound on the way to users needs users."""
    for name, workload in document.workloads.items():
        if isinstance(workload, ServeWorkload) and workload.sla.network and workload.traffic.users is None:
            detail = (
                f"The SLA of {name} bounds the round trip to its users, but not where they are. Add "
                "traffic.users: a city, a region, or places with their shares."
            )
            path = ("workloads", name, "sla", "network")
            yield error("network-without-users", "A bound for unknown users", detail, path=path, on_key=True)


def egress_has_an_amount(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """Traffic that leaves has one amount, and only answers are counted by request."""
    for name, workload in document.workloads.items():
        for i, egress in enumerate(workload.egress):
            path = ("workloads", name, "egress", i)
            if (egress.per_request is None) == (egress.per_hour is None):
                has = "neither per_request nor per_hour" if egress.per_hour is None else "both"
                detail = f"This traffic of {name} has {has}. Keep exactly one of per_request and per_hour."
                yield error("egress-amount", "Traffic needs exactly one amount", detail, path=path)
            elif egress.per_request is not None and workload.kind == "train":
                detail = f"{name} is trained and answers no requests. Say per_hour."
                yield error(
                    "egress-amount", "Traffic needs exactly one amount", detail, path=(*path, "per_request")
                )
