"""What machines draw, and what the grid emits for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.basis import Basis
from dcplan.catalog.load import Entry
from dcplan.catalog.regions import read_data_once

if TYPE_CHECKING:
    from dcplan.catalog.types import Accelerator, Machine, Place

G_PER_KG = 1e3
W_PER_KW = 1e3


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """Watts of one machine at full load, and how well they are known."""

    watts: float
    basis: Basis


def host_factor() -> float:
    """Power of a whole machine over the sum of its accelerators' design powers; assumed for all machines."""
    entry = Entry("network.yaml", "host_factor", read_data_once("network.yaml")["host_factor"])
    return entry.positive("factor")


def machine_power(machine: Machine, accelerator: Accelerator) -> Power | None:
    """What one machine draws at full load, without cooling: as its owner told it, else from its accelerators.

    ``devices * design power * host_factor``.  None where the design power is not published.
    """
    if machine.power_w is not None:
        return Power(watts=machine.power_w, basis=Basis.MEASURED)
    if accelerator.power_w is None:
        return None
    return Power(watts=machine.devices * accelerator.power_w * host_factor(), basis=Basis.ASSUMED)


def carbon_kg_per_h(power: Power | None, place: Place | None) -> float | None:
    """Kilograms of CO2e an hour: ``kW * PUE * grams per kWh``; None where any of the three is unknown.

    Location-based (GHG Protocol, Scope 2 Guidance 2015): the grid as it is, without certificates.
    """
    if power is None or place is None or place.grid_g_per_kwh is None or place.pue is None:
        return None
    return power.watts / W_PER_KW * place.pue * place.grid_g_per_kwh / G_PER_KG
