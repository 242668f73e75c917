"""Calls to AWS: one attempt where something is made, several where something is looked at."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from dcplan.diag.log import log
from dcplan.provider.errors import Denied
from dcplan_aws.answers import judged
from dcplan_aws.session import session_of

CONNECT_TIMEOUT_S = 5
ANSWER_TIMEOUT_S = 60
"""How long AWS may be silent; RunInstances may take half a minute."""
LOOKS = 4
"""Attempts of a call that changes nothing."""
CONNECTIONS = 64
"""Kept for threads that share one client."""


_PAGES = {"elbv2": ("Marker", "NextMarker"), "s3": ("ContinuationToken", "ContinuationToken")}
"""What the next page of a list is asked for with, and where a page says it."""


def _tell(operation: str, region: str, began_s: float, answer: dict[str, Any], *, mutating: bool) -> None:
    """Tell the log of a call; AWS's support asks for the request id.  Parameters are never told."""
    about = answer.get("ResponseMetadata", {})
    log(
        "debug" if mutating else "trace",
        "aws",
        operation,
        region=region,
        request_id=about.get("RequestId"),
        status=about.get("HTTPStatusCode"),
        retries=about.get("RetryAttempts"),
        duration_s=time.monotonic() - began_s,
        outcome=answer.get("Error", {}).get("Code", "ok"),
    )


@dataclass(slots=True, kw_only=True)
class Api:
    """Clients of AWS's services, made when they are first asked for; safe for threads."""

    profile: str | None = None
    session: Any = None
    """Botocore's; opened when it is needed, where nobody has."""
    calls: int = 0
    """Looks so far, pages counted."""
    _clients: dict[tuple[str, str, bool], Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def do(self, service: str, region: str, operation: str, **parameters: object) -> dict[str, Any]:
        """One call that changes something, sent once; raises ``ProviderError``."""
        return self._sent(service, region, operation, parameters, mutating=True)

    def look(self, service: str, region: str, operation: str, **parameters: object) -> dict[str, Any]:
        """One call that changes nothing, tried again where that helps; raises ``ProviderError``."""
        with self._lock:
            self.calls += 1
        return self._sent(service, region, operation, parameters, mutating=False)

    def has(self, service: str, region: str) -> bool:
        """Whether a service is in a region, as far as botocore knows."""
        client = self._client(service, region, mutating=False)
        known = self.session.get_available_regions(service, client.meta.partition)
        return not known or region in known

    def pages(
        self, service: str, region: str, operation: str, items: str, **parameters: object
    ) -> Iterator[Any]:
        """All ``items`` of a list, page after page; raises ``ProviderError``."""
        asked, given = _PAGES.get(service, ("NextToken", "NextToken"))
        while True:
            page = self.look(service, region, operation, **parameters)
            yield from page.get(items, ())
            if not page.get(given):
                return
            parameters = {**parameters, asked: page[given]}

    def close(self) -> None:
        """Let go of the connections."""
        for client in self._clients.values():
            client.close()

    def _sent(
        self, service: str, region: str, operation: str, parameters: dict[str, object], *, mutating: bool
    ) -> dict[str, Any]:
        client = self._client(service, region, mutating=mutating)
        name = client.meta.method_to_api_mapping[operation]
        began_s = time.monotonic()
        told = partial(_tell, f"{service}:{name}", region, began_s, mutating=mutating)
        try:
            answer: dict[str, Any] = getattr(client, operation)(**parameters)
        except Exception as problem:
            # Only an answer of AWS's own is a mapping; what fails before that has none, or None.
            refused = getattr(problem, "response", None)
            told(refused if isinstance(refused, dict) else {"Error": {"Code": type(problem).__name__}})
            raise judged(problem, service, name, mutating=mutating) from problem
        told(answer)
        return answer

    def _client(self, service: str, region: str, *, mutating: bool) -> Any:
        """Botocore's client; making one is slow and must not be done by two threads at once."""
        key = (service, region, mutating)
        client = self._clients.get(key)
        if client is not None:
            return client
        from botocore.config import Config  # noqa: PLC0415 - slow, only for whoever acts or looks

        with self._lock:
            if self.session is None:
                opened = session_of(self.profile, ("providers", "aws"), "Acting on AWS")
                if opened.value is None:
                    raise Denied(" ".join(problem.detail for problem in opened.diagnostics))
                self.session = opened.value
            if key not in self._clients:
                retries = {"total_max_attempts": 1 if mutating else LOOKS, "mode": "standard"}
                self._clients[key] = self.session.create_client(
                    service,
                    region_name=region,
                    config=Config(
                        retries=retries,
                        connect_timeout=CONNECT_TIMEOUT_S,
                        read_timeout=ANSWER_TIMEOUT_S,
                        max_pool_connections=CONNECTIONS,
                        user_agent_extra="dcplan",
                    ),
                )
            return self._clients[key]
