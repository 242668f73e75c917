"""An inventory written out: fabrics and lists of machines become zones, machine types get all their facts."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dcplan.catalog.load import catalog_providers, load_machines
from dcplan.catalog.partitions import profiles_of
from dcplan.config.files import shown
from dcplan.diag import Diagnostic, Result, did_you_mean, error, has_errors, listed
from dcplan.provider.local.drawn import Drawn, draw
from dcplan.provider.local.inventory import InventoryFile, KnownMachine, MachineSpec
from dcplan.provider.local.listed import zones_of
from dcplan.provider.local.node_list import read_nodes

if TYPE_CHECKING:
    from pathlib import Path

    from dcplan.catalog.types import Machine
    from dcplan.provider.local.inventory import ZoneSpec
    from dcplan.provider.local.rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The inventory as if somebody had written every zone by blocks and racks."""

    file: InventoryFile
    machines: dict[str, MachineSpec]
    zones: dict[str, ZoneSpec]
    assumed: frozenset[tuple[str, str]] = frozenset()
    """(zone, ``rack`` or ``block``) whose links are a fabric's defaults."""
    pods: frozenset[str] = frozenset()
    """Zones whose blocks are one scale-up domain each."""


def write_out(file: InventoryFile, folder: Path) -> Result[Written]:
    """``file`` with every zone by blocks and racks; the list of machines is read from ``folder``."""
    work = _Writing(file)
    rows: tuple[Row, ...] = ()
    if file.nodes is not None:
        path = folder / file.nodes
        if not path.is_file():
            detail = (
                f"There is no file {shown(path)}. The path under `nodes` starts from the inventory's folder."
            )
            problem = error("inventory-no-nodes", "List of machines not read", detail, path=("nodes",))
            return Result(None, (problem,))
        read = read_nodes(path)
        work.said += read.diagnostics
        rows = read.value or ()
    work.complete(rows)
    if has_errors(tuple(work.said)):
        return Result(None, tuple(work.said))
    zones, assumed, pods = dict(file.zones), set[tuple[str, str]](), set[str]()
    for name, spec in file.zones.items():
        if spec.fabric is not None:
            drawn = draw(name, spec.fabric, work.machines, file.links)
            work.said += drawn.diagnostics
            if drawn.value is not None:
                zones[name] = spec.model_copy(update={"blocks": drawn.value.blocks, "fabric": None})
                work.took(drawn.value)
                assumed |= {(name, level) for level in drawn.value.assumed}
                pods |= {name} if drawn.value.one_domain else set()
    if rows:
        zones, parts = zones_of(rows, work.machines, file.links)
        work.machines |= parts
    written = Written(
        file=file, machines=work.machines, zones=zones, assumed=frozenset(assumed), pods=frozenset(pods)
    )
    return Result(None if has_errors(tuple(work.said)) else written, tuple(work.said))


@dataclass(slots=True)
class _Writing:
    """Machine types with all their facts, and what is wrong."""

    file: InventoryFile
    machines: dict[str, MachineSpec] = field(default_factory=dict)
    said: list[Diagnostic] = field(default_factory=list)

    def took(self, drawn: Drawn) -> None:
        """A fabric tells how far scale-up links reach, where the machine type does not."""
        if drawn.scale_up_domain is not None:
            spec = self.machines[drawn.machine]
            self.machines[drawn.machine] = spec.model_copy(update={"scale_up_domain": drawn.scale_up_domain})

    def _divided(self, name: str, spec: MachineSpec, mig: str | None) -> None:
        """Keep a machine type; with a MIG profile, the parts of its GPUs are its devices."""
        self.machines[name] = spec
        if mig is None:
            return
        profiles = profiles_of(spec.accelerator)
        part = profiles.get(mig)
        if part is None:
            known = f"It has {listed(list(profiles))}." if profiles else "It has none that are known."
            detail = f'{spec.accelerator} has no MIG profile "{mig}". {did_you_mean(mig, profiles) or known}'
            path = ("machines", name, "mig")
            self.said.append(error("inventory-unknown-profile", "Unknown MIG profile", detail, path=path))
            return
        parts = {"accelerator": part.name, "devices": spec.devices * part.count, "scale_up_domain": 1}
        self.machines[name] = spec.model_copy(update=parts)

    def complete(self, rows: tuple[Row, ...]) -> None:
        """Facts of all types that are described, and of those that are only listed."""
        unknown = [row for row in rows if row.machine not in self.file.machines]
        known: dict[str, Machine] = {}
        if unknown or any(isinstance(spec, KnownMachine) for spec in self.file.machines.values()):
            known = {n: m for provider in catalog_providers() for n, m in load_machines(provider).items()}
        for name, spec in self.file.machines.items():
            if isinstance(spec, MachineSpec):
                self._divided(name, spec, spec.mig)
            elif spec.catalog in known:
                self._divided(name, _of_catalog(known[spec.catalog], spec.price), spec.mig)
            else:
                hint = (
                    did_you_mean(spec.catalog, known)
                    or "Describe it instead: accelerator, devices and so on."
                )
                detail = f'The catalogue has no machine type "{spec.catalog}". {hint}'
                path = ("machines", name, "catalog")
                self.said.append(
                    error("inventory-unknown-machine", "Unknown machine type", detail, path=path)
                )
        told = set[str]()
        for row in unknown:
            if row.machine in known:
                self.machines[row.machine] = _of_catalog(known[row.machine], None)
            elif row.machine not in told:
                told.add(row.machine)
                here = list(self.file.machines)
                hint = did_you_mean(row.machine, [*here, *known]) or (
                    f"There are {listed(here)}." if here else ""
                )
                detail = f'No machine "{row.machine}" is described under `machines`. {hint}'.rstrip()
                problem = error("inventory-unknown-machine", "Unknown machine type", detail, range=row.place)
                self.said.append(problem)
        self.said += _too_free(rows, self.machines)


def _too_free(rows: tuple[Row, ...], machines: dict[str, MachineSpec]) -> list[Diagnostic]:
    """Machines of which more is free than there is."""
    said = []
    for row in rows:
        spec = machines.get(row.machine)
        if spec is not None and row.free_devices is not None and row.free_devices > spec.devices:
            detail = (
                f"{row.name} has {row.free_devices} free devices, and a {row.machine} has {spec.devices}."
            )
            said.append(error("inventory-too-free", "More is free than there is", detail, range=row.place))
    return said


def _of_catalog(machine: Machine, price: float | None) -> MachineSpec:
    """A machine type of a cloud as an inventory describes it."""
    return MachineSpec.model_construct(
        accelerator=machine.accelerator,
        devices=machine.devices,
        vcpus=machine.vcpus,
        memory=float(machine.memory_bytes),
        network=machine.network_bytes_per_s,
        fabric=machine.fabric,
        scale_up_domain=machine.scale_up_domain,
        price=price,
    )
