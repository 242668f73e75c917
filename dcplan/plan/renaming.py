"""New names for what exists, wherever they are said: in addresses, needs and attributes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from dcplan.provider.lowering import ENDPOINT, JOB, REPLICA
from dcplan.resources import Address, JsonValue, Resource
from dcplan.resources.machines import RUNS

if TYPE_CHECKING:
    from dcplan.provider.types import Found

ON_MACHINES = frozenset({REPLICA, JOB, ENDPOINT})
"""Kinds of what runs, or answers, for a workload."""
_LISTS = ("machines", "prefill_machines", "standby")
"""Attributes that list machines by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Renames:
    """What is called something else from now on."""

    addresses: Mapping[Address, Address] = field(default_factory=dict)
    """Old to new, of each single thing."""
    workloads: Mapping[str, str] = field(default_factory=dict)
    """Old to new."""

    def __bool__(self) -> bool:
        """Whether anything is."""
        return bool(self.addresses or self.workloads)

    def over(self, resources: Iterable[Resource]) -> Renames:
        """The same, with the address of everything among ``resources`` that belongs to a renamed workload."""
        more = {
            r.address: replace_name(r.address, self._of_workload(r.address.name))
            for r in resources
            if r.attributes.get("workload") in self.workloads and r.address not in self.addresses
        }
        return replace(self, addresses={**more, **self.addresses})

    def resource(self, resource: Resource) -> Resource:
        """The resource, by its new names."""
        return replace(
            resource,
            address=self.addresses.get(resource.address, resource.address),
            attributes=self.attributes(resource.address.provider, resource.attributes),
            needs=tuple(self.addresses.get(need, need) for need in resource.needs),
        )

    def found(self, found: Found) -> Found:
        """What a provider has, told by the new names; its own address stays what the provider calls it."""
        return replace(found, attributes=self.attributes(found.address.provider, found.attributes))

    def attributes(self, provider: str, attributes: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
        """Attributes of something at this provider, by the new names."""
        machines = self._names(provider, on_machines=False)
        replicas = self._names(provider, on_machines=True)

        def replica(name: JsonValue) -> JsonValue:
            return replicas.get(name) or self._of_workload(name) if isinstance(name, str) else name

        new: dict[str, JsonValue] = {}
        for key, value in attributes.items():
            new[key] = value
            if key == "workload" and isinstance(value, str):
                new[key] = self.workloads.get(value, value)
            elif key in _LISTS and isinstance(value, list | tuple):
                new[key] = [machines.get(name, name) if isinstance(name, str) else name for name in value]
            elif key == "exclusive_to":
                new[key] = replica(value)
            elif key in {"groups", RUNS} and isinstance(value, dict):
                named = {machines.get(name, name): weight for name, weight in value.items()}
                new[key] = self._runs(value, replica) if key == RUNS else named
            elif key == "replicas" and isinstance(value, dict):
                new[key] = {str(replica(name)): weight for name, weight in value.items()}
            elif key == "gang" and isinstance(value, dict) and isinstance(value.get("name"), str):
                name = str(value["name"])
                new[key] = {**value, "name": machines.get(name, name)}
            elif key == "settings" and isinstance(value, dict):
                new[key] = self._settings(value)
        return new

    def _names(self, provider: str, *, on_machines: bool) -> dict[str, str]:
        """Old names to new ones: of machines, or of what runs on them."""
        return {
            old.name: new.name
            for old, new in self.addresses.items()
            if old.provider == provider and (old.kind in ON_MACHINES) is on_machines
        }

    def _settings(self, settings: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """``choice`` begins with the workload's name."""
        choice = settings.get("choice")
        if not isinstance(choice, str):
            return settings
        workload, slash, rest = choice.partition("/")
        return {**settings, "choice": f"{self.workloads.get(workload, workload)}{slash}{rest}"}

    def _runs(self, runs: dict[str, JsonValue], replica: Callable[[JsonValue], JsonValue]) -> JsonValue:
        """What runs in a machine group; its machines have no addresses, and keep their names."""
        settings, those = runs.get("settings"), runs.get("replicas")
        return {
            **runs,
            "settings": self._settings(settings) if isinstance(settings, dict) else settings,
            "replicas": [
                {**one, "name": replica(one.get("name"))} if isinstance(one, dict) else one for one in those
            ]
            if isinstance(those, list | tuple)
            else those,
        }

    def _of_workload(self, name: str) -> str:
        """``chat-3`` and ``chat`` after ``chat`` became another; other names as they are."""
        whole = re.fullmatch(r"(.+?)(-\d+)?", name)
        for stem, number in ((name, ""), (whole[1], whole[2] or "") if whole else (name, "")):
            if stem in self.workloads:
                return self.workloads[stem] + number
        return name


def replace_name(address: Address, name: str) -> Address:
    """The address with another name."""
    return Address(address.provider, address.kind, name)
