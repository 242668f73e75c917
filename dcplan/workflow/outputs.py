"""``output``: what the state tells others, by the names that the document gives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.config.outputs import PARTS, Reference
from dcplan.diag import Result, did_you_mean, error, listed
from dcplan.plan.current import assignment_of
from dcplan.plan.outputs import Told, planned_outputs, reached, resolved, resolved_all
from dcplan.plan.select import workloads_of
from dcplan.workflow.checking import load
from dcplan.workflow.planning import read_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.config import Document
    from dcplan.resources import Address, Resource
    from dcplan.workflow.types import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """All that a project tells."""

    endpoints: Mapping[str, Told]
    """By workload of the document or of the state; those that are reached."""
    machines: Mapping[str, Told]
    """By address."""
    named: Mapping[str, Told]
    """By the names of the document."""


def outputs(project: Project) -> Result[Outputs]:
    """The outputs of a project, from its document and its state; nobody is asked."""
    loaded = load(project)
    if loaded.value is None:
        return Result(None, loaded.diagnostics)
    view = read_state(project)
    if view.value is None:
        return Result(None, (*loaded.diagnostics, *view.diagnostics))
    return Result(
        outputs_of(loaded.value.document, view.value.state.resources),
        (*loaded.diagnostics, *view.diagnostics),
    )


def output(project: Project, name: str) -> Result[Told]:
    """One output: by the document's name, or by a reference such as ``workloads.chat.endpoint``.

    Diagnostics: ``unknown-output`` with the nearest name, ``unknown-after-apply`` for what is not there yet.
    """
    loaded = load(project)
    if loaded.value is None:
        return Result(None, loaded.diagnostics)
    view = read_state(project)
    if view.value is None:
        return Result(None, view.diagnostics)
    document, resources = loaded.value.document, view.value.state.resources
    named = outputs_of(document, resources).named
    told = named.get(name) or _referred(name, document, resources)
    if told is None:
        known = [*named, *(f"workloads.{w}.{part}" for w in document.workloads for part in PARTS)]
        hint = did_you_mean(name, known) or f"There are {listed(known)}."
        detail = f'The document names no output "{name}". {hint}'
        return Result(None, (error("unknown-output", "There is no such output", detail),))
    if not told.known:
        detail = f"{told.reference} is known after apply, nothing of it was applied yet. Next: dcplan apply"
        return Result(None, (error("unknown-after-apply", "The output is not known yet", detail),))
    return Result(told)


def outputs_of(document: Document, resources: Mapping[Address, Resource]) -> Outputs:
    """The outputs of a document on what is there."""
    served = {name for name, workload in document.workloads.items() if workload.kind == "serve"}
    running = {
        str(resource.attributes["workload"])
        for resource in resources.values()
        if "url" in resource.outputs and "workload" in resource.attributes
    }
    machines = {slot.name for slot in assignment_of(resources.values()).machines}
    return Outputs(
        endpoints={
            name: resolved(f"workloads.{name}.endpoint", resources) for name in sorted(served | running)
        },
        machines={
            str(a): Told(reference=f"resources.{a}.address", value=reached(r))
            for a, r in sorted(resources.items())
            if a.name in machines and "pool" in r.attributes
        },
        named=resolved_all(planned_outputs(document), resources),
    )


def _referred(text: str, document: Document, resources: Mapping[Address, Resource]) -> Told | None:
    """What a reference on the command line means; None when it means nothing."""
    try:
        reference = Reference.parse(text)
    except ValueError:
        return None
    known = {*document.workloads, *(name for names in workloads_of(resources).values() for name in names)}
    if reference.workload is not None and reference.workload not in known:
        return None
    return resolved(text, resources)
