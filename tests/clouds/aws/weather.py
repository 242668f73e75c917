"""What the account has besides moto's books, and how well the cloud feels today."""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any

from moto.ec2.exceptions import EC2ClientError

LOCK = threading.RLock()
"""moto changes its books in several steps, so one request at a time does."""


@dataclass(slots=True)
class Weather:
    """What tests set: ``POST /-/weather`` with some of these names."""

    latency_s: float = 0.0
    """Of each call."""
    pending_s: float = 0.0
    """How long new instances, networks and load balancers are not ready."""
    leaving_s: float = 0.0
    """How long instances take to be gone."""
    invisible_s: float = 0.0
    """How long new instances, networks and groups are missing from lists."""
    stock: dict[str, int] = field(default_factory=dict)
    """Instances left, by ``zone id/type``, zone id, type, or ``*``; what is not named has no end."""
    vcpus: dict[str, int] = field(default_factory=dict)
    """vCPUs that may run in a region, by family letter (``P``, ``G``...); ``P/spot`` is told, not held to."""
    quotas_on_a_page: int = 100
    file_systems_fail: str = ""
    """Why new file systems come to nothing; empty: they do not."""
    payment_s: float = 0.0
    """How long a capacity block that was bought is being paid for."""
    block_usd_per_h: float = 31.464
    """What a machine of a capacity block costs."""
    block_starts_in_s: float = 0.0
    """When the capacity blocks on offer begin."""

    def set(self, wanted: dict[str, Any]) -> None:
        """Change what is named."""
        known = {f.name for f in fields(self)}
        for name, value in wanted.items():
            if name not in known:
                raise KeyError(name)
            setattr(self, name, value)


@dataclass(slots=True)
class Books:
    """What one account has in one region, where moto has nothing."""

    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    reservations: dict[str, dict[str, Any]] = field(default_factory=dict)
    fleets: dict[str, dict[str, Any]] = field(default_factory=dict)
    offerings: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[tuple[str, str], tuple[str, Any]] = field(default_factory=dict)
    seen_at_s: dict[str, float] = field(default_factory=dict)
    """When an object may be seen first."""
    ready_at_s: dict[str, float] = field(default_factory=dict)
    gone_at_s: dict[str, float] = field(default_factory=dict)
    group_of: dict[str, str] = field(default_factory=dict)
    """Instance to placement group."""
    reservation_of: dict[str, str] = field(default_factory=dict)

    def born(self, object_id: str) -> None:
        """Note an object that was made now."""
        now_s = time.time()
        if WEATHER.invisible_s:
            self.seen_at_s[object_id] = now_s + WEATHER.invisible_s
        if WEATHER.pending_s:
            self.ready_at_s[object_id] = now_s + WEATHER.pending_s

    def visible(self, object_id: str) -> bool:
        """Whether lists have it by now."""
        return self.seen_at_s.get(object_id, 0.0) <= time.time()

    def ready(self, object_id: str) -> bool:
        """Whether it is ready by now."""
        return self.ready_at_s.get(object_id, 0.0) <= time.time()


WEATHER = Weather()
_BOOKS: dict[tuple[str, str], Books] = {}
MADE: Counter[str] = Counter()
"""How often each token made an instance: more than once is what must never be."""


def books(account: str, region: str) -> Books:
    """The books of an account in a region."""
    return _BOOKS.setdefault((account, region), Books())


def books_of(response: Any) -> Books:
    """The books of the account and region that a response of moto is about."""
    return books(response.current_account, response.region)


def forget() -> None:
    """Start anew."""
    _BOOKS.clear()
    MADE.clear()
    WEATHER.set({f.name: getattr(Weather(), f.name) for f in fields(Weather)})


def refuse(code: str, message: str) -> None:
    """Answer with an error of the client's making."""
    raise EC2ClientError(code, message)


def tags_of(response: Any, kind: str) -> list[dict[str, str]]:
    """The tags that a call gives to new objects of a kind."""
    given = response._get_param("TagSpecifications", []) or []
    return [tag for one in given if one.get("ResourceType") == kind for tag in one.get("Tags", [])]


def matches(response: Any, tags: list[dict[str, str]]) -> bool:
    """Whether an object with these tags passes the ``tag:`` filters of a call."""
    mine = {tag["Key"]: tag["Value"] for tag in tags}
    filters = response._get_param("Filters", []) or []
    wanted = {f["Name"]: f["Values"] for f in filters if f["Name"].startswith("tag:")}
    return all(
        name.removeprefix("tag:") in mine and (values == ["*"] or mine[name.removeprefix("tag:")] in values)
        for name, values in wanted.items()
    )
