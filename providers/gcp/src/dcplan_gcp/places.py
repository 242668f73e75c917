"""Where the price list knows a region but no zone: which zones have the machine type."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from dcplan.provider.errors import Invalid
from dcplan_gcp.rest import last

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dcplan.resources import JsonValue
    from dcplan_gcp.rest import Rest


class Places:
    """Zones of regions; asked once for each machine type."""

    def __init__(self, rest: Rest, zones: Mapping[str, Sequence[str]]) -> None:
        """``zones`` are those that the settings name, by region."""
        self._rest = rest
        self._named = zones
        self._lock = threading.Lock()
        self._with: dict[str, tuple[str, ...]] = {}

    def zones(self, attributes: Mapping[str, JsonValue]) -> tuple[str, ...]:
        """The zones to try, in this order: one, unless only the region is known.

        The machines of a gang try one zone only, the same for all.
        """
        machine, region, zone = (str(attributes.get(key) or "") for key in ("machine", "region", "zone"))
        if not machine or not region or not zone:
            raise Invalid("A machine of Google Cloud has a machine type, a region and a zone.")
        if zone != region:
            return (zone,)
        named = tuple(self._named.get(region, ())) or self._having(machine, region)
        if not named:
            msg = f"No zone of {region} has {machine}, says Google Cloud."
            raise Invalid(msg)
        return named[:1] if attributes.get("gang") else named

    def _having(self, machine: str, region: str) -> tuple[str, ...]:
        with self._lock:
            if machine not in self._with:
                types = self._rest.everywhere("machineTypes", f'name = "{machine}"')
                self._with[machine] = tuple(sorted({last(t["zone"]) for t in types}))
            return tuple(zone for zone in self._with[machine] if zone.rpartition("-")[0] == region)
