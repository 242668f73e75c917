"""Questions without a document: one model on one kind of hardware, named on the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dcplan.catalog import canonical_accelerator, load_accelerators, load_catalog_model, load_machines
from dcplan.catalog.load import catalog_providers
from dcplan.catalog.models import catalog_model_names, model_of
from dcplan.catalog.types import Machine, Offering, Purchase, Source
from dcplan.diag import Diagnostic, Result, did_you_mean, error, has_errors, listed
from dcplan.sharding.types import MachineClass
from dcplan.topology.build import build

if TYPE_CHECKING:
    from dcplan.catalog.types import Accelerator, Model

ASKED = Source(name="named on the command line", date="undated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a question is about."""

    model: Model
    machines: MachineClass


def asked(model: str, hardware: str, devices: int | None = None) -> Result[Asked]:
    """The model and the hardware of these names; every problem at once.

    ``model`` is a name of the catalogue or a ``config.json`` of Hugging Face;
    ``hardware`` is a machine type or an accelerator, which stands for its
    largest machine type; ``devices`` bounds how many machines there are.
    Errors: ``unknown-model``, ``unknown-hardware``, ``no-machine``.
    """
    found, on = model_named(model), hardware_named(hardware)
    said = (*found.diagnostics, *on.diagnostics)
    if found.value is None or on.value is None or has_errors(said):
        return Result(None, said)
    machine, accelerator = on.value
    count = None if devices is None else max(1, -(-devices // machine.devices))
    return Result(Asked(model=found.value, machines=class_of(machine, accelerator, count)), said)


def model_named(name: str) -> Result[Model]:
    """The catalogue's model, or the one that a ``config.json`` describes."""
    if name.endswith(".json") or (name and Path(name).is_dir()):
        from dcplan.config.huggingface import read_architecture  # noqa: PLC0415 - pydantic, only for a file

        path = Path(name) / "config.json" if Path(name).is_dir() else Path(name)
        if not path.exists():
            detail = f'There is no file "{path}". Name the config.json of a model, or one of the catalogue.'
            return Result(None, (error("unknown-model", "Unknown model", detail),))
        read = read_architecture(path, str(path), ())
        if read.value is None:
            return Result(None, read.diagnostics)
        source = Source(name=str(path), date="undated")
        model = model_of(path.parent.name or path.stem, read.value.model_dump(), source)
        return Result(model, read.diagnostics)
    known = load_catalog_model(name)
    if known is not None:
        return Result(known)
    near = did_you_mean(name, catalog_model_names()) or f"It has {listed(catalog_model_names())}."
    detail = f'The catalogue has no model "{name}". {near} Another model is described by its config.json.'
    return Result(None, (error("unknown-model", "Unknown model", detail),))


def hardware_named(name: str) -> Result[tuple[Machine, Accelerator]]:
    """The machine type of this name, or the largest one with the accelerator of this name."""
    accelerators = load_accelerators()
    machines = [m for provider in catalog_providers() for m in load_machines(provider).values()]
    own = {m.name: m for m in machines}
    if name in own:
        machine = own[name]
    else:
        chip = canonical_accelerator(name)
        if chip is None:
            return Result(None, (_unknown_hardware(name, (*accelerators, *own)),))
        carrying = [m for m in machines if canonical_accelerator(m.accelerator) == chip]
        if not carrying:
            return Result(None, (_no_machine(chip),))
        # The widest scale-up domain (a TPU slice goes beyond its machines), then the most devices in a
        # machine; of equal ones the fastest network, then the first provider.
        machine = max(carrying, key=lambda m: (m.scale_up_domain, m.devices, m.network_bytes_per_s))
    accelerator = accelerators[canonical_accelerator(machine.accelerator) or machine.accelerator]
    return Result((machine, accelerator))


def class_of(machine: Machine, accelerator: Accelerator, machines: int | None) -> MachineClass:
    """So many machines of one type in one place, linked as the catalogue knows them to be."""
    offering = Offering(
        provider=machine.provider,
        region="anywhere",
        zone="anywhere",
        machine=machine.name,
        purchase=Purchase.ON_DEMAND,
        usd_per_h=None,
        machines=machines,
        available=True,
        source=ASKED,
    )
    topology = build({machine.name: machine}, {machine.accelerator: accelerator}, [offering], ())
    return MachineClass(
        machine=machine,
        accelerator=accelerator,
        links=topology.links_of(offering.pool),
        pools=(offering.pool,),
        machines=machines,
    )


def _unknown_hardware(name: str, known: tuple[str, ...]) -> Diagnostic:
    longer = sorted(k for k in known if k.lower().startswith(name.lower()))[:8] if name else []
    hint = f"Say {listed(longer, last='or')}." if longer else did_you_mean(name.upper(), known)
    accelerators = listed(sorted(load_accelerators()))
    return error(
        "unknown-hardware",
        "Unknown hardware",
        f'The catalogue has neither an accelerator nor a machine type "{name}". '
        f"{hint or f'Accelerators are {accelerators}.'}",
    )


def _no_machine(accelerator: str) -> Diagnostic:
    return error(
        "no-machine",
        "No machine has this accelerator",
        f"The catalogue knows {accelerator} but no machine type that carries it, so that its network is "
        "unknown. Describe one in an inventory and plan a document with it.",
    )
