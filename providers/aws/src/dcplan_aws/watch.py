"""One look for all who wait for machines of a region at the same time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FRESH_S = 0.3
"""How old a look may be when somebody asks."""

Look = Callable[[Sequence[str]], Mapping[str, Any]]
"""Ids to those that there are, as EC2 describes them."""


@dataclass(slots=True)
class Watch:
    """Looks for every id that is waited for, once for all waiters; safe for threads.

    Whoever comes while a look is under way is part of the next one, so that many waiters cost a look
    after the other and not one each.
    """

    look: Look
    _wanted: set[str] = field(default_factory=set)
    _guard: threading.Lock = field(default_factory=threading.Lock)
    _looking: threading.Lock = field(default_factory=threading.Lock)
    _asked: frozenset[str] = frozenset()
    _seen: Mapping[str, Any] = field(default_factory=dict)
    _began_s: float = float("-inf")

    def see(self, object_id: str) -> Any | None:
        """What there is of it; None where the list does not have it.  Raises what the look does."""
        asked_s = time.monotonic()
        with self._guard:
            self._wanted.add(object_id)
        with self._looking:
            if object_id not in self._asked or self._began_s < asked_s - FRESH_S:
                with self._guard:
                    asked = frozenset(self._wanted)
                began_s = time.monotonic()
                self._seen = self.look(sorted(asked))
                self._asked, self._began_s = asked, began_s
            return self._seen.get(object_id)

    def forget(self, object_id: str) -> None:
        """Nobody waits for it any more."""
        with self._guard:
            self._wanted.discard(object_id)
