"""What there is to be had, and how much of it the account may have: machines and reservations of them."""

from __future__ import annotations

from typing import Any

from moto.ec2.models.instance_types import INSTANCE_TYPES

from clouds.aws.weather import WEATHER, books_of, refuse


def take_stock(machine: str, zone_id: str, most: int, least: int | None = None) -> int:
    """Take so many, or as many as there are from ``least`` on; less than 0 gives back."""
    name = next((n for n in (f"{zone_id}/{machine}", zone_id, machine, "*") if n in WEATHER.stock), None)
    if name is None:
        return most
    if WEATHER.stock[name] < (most if least is None else least):
        refuse(
            "InsufficientInstanceCapacity",
            f"We currently do not have sufficient {machine} capacity in the Availability Zone you requested.",
        )
    taken = min(most, WEATHER.stock[name])
    WEATHER.stock = {**WEATHER.stock, name: WEATHER.stock[name] - taken}
    return taken


def check_quota(response: Any, machine: str, count: int) -> None:
    """VCPUs of a family of machines, as EC2 counts them: what runs, and what is kept for nobody yet.

    "Active and unused Capacity Reservations count toward your On-Demand Instance limits" (EC2 User Guide,
    On-Demand Capacity Reservations, "Limits"); blocks do not.
    """
    family, books = machine[0].upper(), books_of(response)
    if family not in WEATHER.vcpus:
        return
    blocks = {i for i, one in books.reservations.items() if one.get("ReservationType") == "capacity-block"}
    used = sum(
        _vcpus(instance.instance_type)
        for reservation in response.ec2_backend.reservations.values()
        for instance in reservation.instances
        if instance.state in {"pending", "running"}
        and instance.instance_type[0].upper() == family
        and books.reservation_of.get(instance.id) not in blocks
    )
    used += sum(
        _vcpus(one["InstanceType"]) * one["AvailableInstanceCount"]
        for name, one in books.reservations.items()
        if one["State"] in {"active", "pending"}
        and name not in blocks
        and one["InstanceType"][0].upper() == family
    )
    if used + count * _vcpus(machine) > WEATHER.vcpus[family]:
        refuse(
            "VcpuLimitExceeded",
            f"You have requested more vCPU capacity than your current vCPU limit of {WEATHER.vcpus[family]}.",
        )


def _vcpus(machine: str) -> int:
    return int(INSTANCE_TYPES.get(machine, {}).get("VCpuInfo", {}).get("DefaultVCpus", 0))
