"""The provider ``telltale``: a data centre that says its token wherever a provider can say something.

Its folder on ``sys.path`` is all that installs it.
"""

from __future__ import annotations

import base64
import json
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dcplan.diag import Result
from dcplan.provider.errors import Denied, Throttled
from dcplan.provider.local import LocalProvider, LocalWorld, load_inventory
from dcplan.provider.local.expand import Inventory
from dcplan.provider.local.kinds import KINDS
from dcplan.provider.lowering import lower
from dcplan.provider.protocol import API_VERSION, Stop
from dcplan.provider.types import Ack, Found, OfferingQuery, Placement, ProviderInfo, Refreshed, Request
from dcplan.resources import Action, Address

if TYPE_CHECKING:
    from dcplan.catalog.types import Machine, Offering
    from dcplan.provider.protocol import Provider
    from dcplan.resources import JsonValue, Resource

NAME = "telltale"


def provider(settings: Mapping[str, object], root: Path) -> Result[Provider]:
    """The data centre of ``datacenter``, which says ``token`` and ``pin``, and fails as ``fails`` says."""
    read = load_inventory(root / str(settings["datacenter"]))
    if read.value is None:
        return Result(None, read.diagnostics)
    world = LocalWorld(root / "world.sqlite")
    made = Telltale(read.value, world)
    made.token, made.pin = str(settings["token"]), str(settings["pin"])
    made.fails = str(settings.get("fails", ""))
    return Result(made, read.diagnostics)


class Telltale(LocalProvider):
    """Says its token in outputs, attributes, errors, logs and exceptions."""

    token: str
    pin: str
    fails: str

    def __init__(self, inventory: Inventory, world: LocalWorld) -> None:
        super().__init__(inventory, world)
        self._refused = 0

    @property
    def info(self) -> ProviderInfo:
        """Its own name, and kinds as usual."""
        return ProviderInfo(name=NAME, api_version=API_VERSION, kinds=KINDS)

    def machines(self) -> Result[tuple[Machine, ...]]:
        """Those of the inventory, with a line in the log."""
        logging.getLogger(NAME).warning("connecting with %s", self.token)
        if self.fails == "planning":
            raise RuntimeError(f"no machines for {self.token} and {self.pin}")
        return Result(tuple(replace(m, provider=NAME) for m in super().machines().unwrap()))

    def offerings(self, query: OfferingQuery) -> Result[tuple[Offering, ...]]:
        """Those of the inventory."""
        return Result(tuple(replace(o, provider=NAME) for o in super().offerings(query).unwrap()))

    def resources_for(self, placement: Placement) -> Result[tuple[Resource, ...]]:
        """Machines, and what runs on them."""
        return Result(lower(placement, provider=NAME, machine_kind="machine", kinds=KINDS))

    def begin(self, request: Request) -> Ack:
        """As told; an endpoint is refused with the token in the words, a replica once."""
        kind = request.address.kind
        if kind == "endpoint" and self.fails == "denied":
            raise Denied(f"{self.token} may not do this, nor may {base64.b64encode(self.token.encode())!r}.")
        if kind == "endpoint" and self.fails == "broken" and self._refused < 2:
            self._refused += 1
            raise KeyError(json.dumps({"token": self.token, "pin": self.pin}))
        if kind == "machine" and self.fails and self._refused < 1:
            self._refused += 1
            raise Throttled(f"Too many calls by {self.token}, pin {self.pin}.", retry_after_s=0.01)
        return super().begin(request)

    def wait(self, request: Request, ack: Ack, stop: Stop) -> Mapping[str, JsonValue]:
        """The usual outputs, and what the object was made with."""
        outputs = super().wait(request, ack, stop)
        if request.action is Action.CREATE and self.fails == "thread":
            shouting = threading.Thread(target=self._shout)
            shouting.start()
            shouting.join()
        return outputs if request.action is Action.DELETE else {**outputs, **self._told()}

    def lookup(self, request: Request) -> tuple[Found, ...]:
        """What is there, with its secrets."""
        return tuple(self._telling(one) for one in super().lookup(request))

    def refresh(self, resources: Sequence[Resource]) -> Refreshed:
        """As ``lookup``."""
        seen = super().refresh(resources)
        found = {a: None if one is None else self._telling(one) for a, one in seen.found.items()}
        return replace(seen, found=found)

    def owned(self, lineage: str) -> tuple[Found, ...]:
        """As ``lookup``."""
        return tuple(self._telling(one) for one in super().owned(lineage))

    def _telling(self, found: Found) -> Found:
        address = Address(NAME, found.address.kind, found.address.name)
        return replace(found, address=address, outputs={**found.outputs, **self._told()})

    def _told(self) -> dict[str, JsonValue]:
        return {
            "login": {"url": f"https://admin:{self.token}@hall/", "pins": [self.pin, int(self.pin)]},
            self.token: "as a name",
        }

    def _shout(self) -> None:
        raise ValueError(self.token)
