"""One list of all that is ours, for everybody who looks at the same time."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcplan.provider import Found, Provider, Request


@dataclass(frozen=True, slots=True)
class _Seen:
    began_s: float
    found: tuple[Found, ...]


class Sightings:
    """Lists by ``Provider.owned``, each used by all who asked while it was under way or shortly before.

    So many operations that look for their objects cost one list at a time
    instead of one call each.  ``fresh_s`` is how old a list may be when somebody
    asks; ``clock`` gives seconds.  Safe for threads.
    """

    def __init__(self, lineage: str, clock: Callable[[], float], fresh_s: float) -> None:
        self._lineage = lineage
        self._clock = clock
        self._fresh_s = fresh_s
        self._seen: dict[str, _Seen] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def of(self, provider: Provider, request: Request) -> tuple[Found, ...]:
        """Our objects that this request may have made or is about; raises what the provider does."""
        owned = self._owned(request.address.provider, provider)
        if request.object_id is not None:
            return tuple(f for f in owned if f.object_id == request.object_id)
        return tuple(f for f in owned if f.address == request.address or f.token == request.token)

    def _owned(self, name: str, provider: Provider) -> tuple[Found, ...]:
        asked_s = self._clock()
        with self._guard:
            lock = self._locks[name]
        with lock:
            seen = self._seen.get(name)
            if seen is None or seen.began_s < asked_s - self._fresh_s:
                began_s = self._clock()
                seen = self._seen[name] = _Seen(began_s, tuple(provider.owned(self._lineage)))
            return seen.found
