"""From the names in a document to facts: models, accelerators, and the whole catalogue of one run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.catalog.load import canonical_accelerator, load_accelerators
from dcplan.catalog.models import catalog_model_names, load_catalog_model, model_of
from dcplan.catalog.types import Accelerator, Catalog, Machine, Model, Offering, Source
from dcplan.diag import (
    ConfigPath,
    Diagnostic,
    Diagnostics,
    Result,
    did_you_mean,
    error,
    has_errors,
    listed,
)

if TYPE_CHECKING:
    # Only its attributes are read, so planning's nouns do not pull in pydantic.
    from collections.abc import Iterable, Iterator, Mapping

    from dcplan.config.document import Document, ModelSpec


def resolve_models(document: Document) -> Result[dict[str, Model]]:
    """Every model that a workload names (variants and drafts, too), under the name it uses.

    A name under ``models`` wins over the same name in the catalogue.  Models
    that no workload uses are not looked at.  The document has passed its own
    checks, and each ``huggingface`` has been read into ``architecture``.
    """
    found: dict[str, Result[Model]] = {}
    diagnostics: list[Diagnostic] = []
    for workload, spec in document.workloads.items():
        for path, name in spec.named_models():
            if name in found:
                continue
            if name in document.models:
                found[name] = _described(name, document.models[name])
            elif (model := load_catalog_model(name)) is not None:
                found[name] = Result(model)
            else:
                # Told at each place that has it: each is to be mended.
                diagnostics.append(_unknown_model(workload, name, document, path))
    for result in found.values():
        diagnostics += result.diagnostics
    models = {name: result.value for name, result in found.items() if result.value is not None}
    return Result(None if has_errors(tuple(diagnostics)) else models, tuple(diagnostics))


def check_accelerators(document: Document) -> Diagnostics:
    """An error for each name in a ``constraints.accelerators`` that no accelerator has."""
    places: list[tuple[ConfigPath, tuple[str, ...] | None]] = [
        (("constraints", "accelerators"), document.constraints.accelerators),
    ]
    for name, workload in document.workloads.items():
        places.append((("workloads", name, "constraints", "accelerators"), workload.constraints.accelerators))
    return tuple(
        error(
            "unknown-accelerator",
            "Unknown accelerator",
            f'The catalogue has no accelerator "{accelerator}". {_nearest_accelerator(accelerator)}',
            path=(*path, index),
        )
        for path, names in places
        for index, accelerator in enumerate(names or ())
        if canonical_accelerator(accelerator) is None
    )


def check_known(machines: Iterable[Machine], offerings: Iterable[Offering] = ()) -> Diagnostics:
    """An error for each machine or offering that lacks a fact without which nothing can be planned on it.

    ``machines`` are those of all providers together: their names must differ.
    """
    known: dict[str, Machine] = {}
    diagnostics: list[Diagnostic] = []
    for machine in machines:
        diagnostics += _machine_problems(machine, known.get(machine.name))
        known.setdefault(machine.name, machine)
    strangers = {(o.provider, o.machine) for o in offerings if o.machine not in known}
    for provider, name in sorted(strangers):
        detail = (
            f'The provider "{provider}" offers the machine "{name}", but does not describe it. '
            "Add the machine to the provider's machines, or take the offering out."
        )
        diagnostics.append(
            error("unknown-machine", "Unknown machine", detail, path=("providers", provider)),
        )
    return tuple(diagnostics)


def build_catalog(
    accelerators: Mapping[str, Accelerator],
    machines: Mapping[str, Machine],
    models: Mapping[str, Model],
    offerings: Iterable[Offering],
) -> Catalog:
    """One catalogue of facts from all providers, found in order by ``check_known``.

    Machines name their accelerators canonically afterwards, whatever alias
    their provider used.
    """
    return Catalog(
        accelerators=dict(accelerators),
        machines={name: _canonical(machine, accelerators) for name, machine in machines.items()},
        models=dict(models),
        offerings=tuple(offerings),
    )


def _canonical(machine: Machine, accelerators: Mapping[str, Accelerator]) -> Machine:
    """The machine with its accelerator's canonical name."""
    accelerator = canonical_accelerator(machine.accelerator)
    if accelerator is None or accelerator not in accelerators:
        msg = f"{machine.name} has the unknown accelerator {machine.accelerator}. This is a bug in dcplan."
        raise RuntimeError(msg)
    return machine if accelerator == machine.accelerator else replace(machine, accelerator=accelerator)


def _described(name: str, spec: ModelSpec) -> Result[Model]:
    """The model that the document describes under ``models``."""
    path: ConfigPath = ("models", name)
    if spec.catalog is not None:
        model = load_catalog_model(spec.catalog)
        if model is None:
            return Result(None, (_not_in_catalog(spec.catalog, (*path, "catalog")),))
        return Result(replace(model, name=name))
    if spec.architecture is None:
        # The documents' door lets no other through, and its loader reads the config.json.
        raise RuntimeError(f"the model {name} has no architecture. This is a bug in dcplan.")
    architecture = spec.architecture.model_dump()
    origin = spec.huggingface or f"architecture of models.{name}"
    return Result(model_of(name, architecture, Source(name=origin, date="undated")))


def _unknown_model(workload: str, name: str, document: Document, place: ConfigPath) -> Diagnostic:
    """A workload's model that nobody knows."""
    near = did_you_mean(name, (*document.models, *catalog_model_names()))
    sentences = (
        f'The workload "{workload}" runs the model "{name}".',
        'It stands neither under "models" nor in the catalogue.',
        near or f"The catalogue has {listed(catalog_model_names())}.",
        'Another model can be described under "models" by its config.json or its architecture.',
    )
    path = ("workloads", workload, *place)
    return error("unknown-model", "Unknown model", " ".join(sentences), path=path)


def _not_in_catalog(name: str, path: ConfigPath) -> Diagnostic:
    """A catalogue name that the catalogue has not."""
    sentences = (
        f'The catalogue has no model "{name}".',
        did_you_mean(name, catalog_model_names()) or f"It has {listed(catalog_model_names())}.",
        'Another model can be described with "huggingface" or "architecture" in place of "catalog".',
    )
    return error("unknown-model", "Unknown model", " ".join(sentences), path=path)


def _nearest_accelerator(name: str) -> str:
    """A sentence that leads from a wrong name to right ones."""
    known = sorted(load_accelerators())
    # "A100" is no typo of "A10G": it is one of two, and only its user knows which.
    longer = [f'"{k}"' for k in known if k.lower().startswith(name.lower())] if name else []
    if longer:
        return f"Say {listed(longer, last='or')}."
    return did_you_mean(name.upper(), known) or f"It has {listed(known)}."


def _machine_problems(machine: Machine, twin: Machine | None) -> Iterator[Diagnostic]:
    """What keeps one machine type from being planned on."""
    path: ConfigPath = ("providers", machine.provider)
    if canonical_accelerator(machine.accelerator) is None:
        detail = (
            f'The machine "{machine.name}" of "{machine.provider}" has the accelerator '
            f'"{machine.accelerator}", which the catalogue does not know. '
            f"{_nearest_accelerator(machine.accelerator)}"
        )
        yield error("unknown-accelerator", "Unknown accelerator", detail, path=path)
    if twin is not None:
        detail = (
            f'"{machine.provider}" and "{twin.provider}" both have a machine type "{machine.name}", '
            "so its name does not tell which is meant. Rename the one in your own inventory."
        )
        yield error("machine-name-twice", "Machine name used twice", detail, path=path)
