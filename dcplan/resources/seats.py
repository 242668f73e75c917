"""Which devices of which machines something runs on, as its attributes tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.resources.machines import replicas_in

if TYPE_CHECKING:
    from dcplan.resources.types import JsonValue, Resource

SEATS = (("machines", "devices"), ("prefill_machines", "prefill_devices"))
"""Attributes that say on which machines something runs and on which of their devices."""


def seats_of(resource: Resource | None) -> list[tuple[str, JsonValue, JsonValue]]:
    """Provider, machine and number of each device that a replica or job runs on; none for other things."""
    if resource is None:
        return []
    seats: list[tuple[str, JsonValue, JsonValue]] = []
    for on, which in SEATS:
        machines, devices = resource.attributes.get(on), resource.attributes.get(which)
        if isinstance(machines, list | tuple) and isinstance(devices, list | tuple):
            seats += [
                (resource.address.provider, machine, device) for machine in machines for device in devices
            ]
    return seats


def seats_in_group(resource: Resource) -> list[tuple[str, JsonValue, JsonValue]]:
    """The same of what runs in a machine group; nothing waits for these, which come and go with it."""
    return [
        (resource.address.provider, machine, device)
        for replica in replicas_in(resource.attributes)
        if isinstance(machines := replica.get("machines"), list | tuple)
        and isinstance(devices := replica.get("devices"), list | tuple)
        for machine in machines
        for device in devices
    ]
