"""Which resource needs which."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dcplan.resources.types import Address, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceGraph:
    """All resources that should exist, by address.  Every need is in the graph itself."""

    resources: Mapping[Address, Resource]

    @classmethod
    def of(cls, resources: Iterable[Resource]) -> ResourceGraph:
        """A graph of these; ValueError for a twin address or a need outside the graph."""
        by_address: dict[Address, Resource] = {}
        for resource in resources:
            if resource.address in by_address:
                msg = f"two resources at {resource.address}. This is a bug in the provider."
                raise ValueError(msg)
            by_address[resource.address] = resource
        for resource in by_address.values():
            for need in resource.needs:
                if need not in by_address:
                    msg = f"{resource.address} needs {need}, which is not in the graph"
                    raise ValueError(msg)
        return cls(resources=by_address)
