"""``import --generate``: what exists at the providers and not in the state, as entries for the document."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Result, error, has_errors, listed, plural
from dcplan.plan.renaming import ON_MACHINES
from dcplan.provider.errors import ProviderError
from dcplan.resources import Address
from dcplan.resources.machines import is_group, members_of
from dcplan.workflow.checking import check
from dcplan.workflow.planning import read_state
from dcplan.workflow.refactoring import look_up

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dcplan.provider.protocol import Provider
    from dcplan.provider.types import Found
    from dcplan.resources import JsonValue
    from dcplan.state.types import State
    from dcplan.workflow.types import Project

_SETTINGS = ("tokens", "sequence_length", "global_batch")
"""What a job's settings tell of its workload, by the document's own keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmanaged:
    """One object that exists and that the state does not hold."""

    to: Address
    """The address that it could get."""
    id: str
    provider: str
    owner: str | None
    """Lineage of the state whose tag it carries; None: nobody's."""
    ours: bool
    """Whether that is this state."""
    about: str
    """What it is, in words."""
    attributes: Mapping[str, JsonValue]


def unmanaged(project: Project, ids: Sequence[str] = ()) -> Result[tuple[Unmanaged, ...]]:
    """All objects with this state's owner tag that the state does not hold, and those that ``ids`` name.

    Takes no lock, changes nothing.  Error ``import-missing`` for an id that no provider knows.
    """
    checked = check(project)
    if checked.value is None:
        return Result(None, checked.diagnostics)
    view = read_state(project)
    if view.value is None:
        return Result(None, (*checked.diagnostics, *view.diagnostics))
    state = view.value.state
    found: list[tuple[str, Found]] = []
    said: list[Diagnostic] = [*checked.diagnostics, *view.diagnostics]
    missing = set(ids)
    for name, provider in checked.value.providers.items():
        try:
            there = _there(name, provider, state, ids)
        except ProviderError as problem:
            said.append(error(problem.code, problem.summary, problem.detail, address=name))
            continue
        missing -= {one.object_id for one in there}
        held = {r.outputs.get("id") for a, r in state.resources.items() if a.provider == name}
        found += [(name, one) for one in there if one.object_id not in held]
    for one in sorted(missing):
        detail = f'No provider of the document knows an object with the id "{one}".'
        said.append(error("import-missing", "There is nothing to import", detail))
    if has_errors(tuple(said)):
        return Result(None, tuple(said))
    return Result(tuple(_named(found, state)), tuple(said))


def _there(name: str, provider: Provider, state: State, ids: Sequence[str]) -> list[Found]:
    """What carries our tag, then what was asked for by id; raises what the provider does."""
    mine = list(provider.owned(state.lineage)) if state.lineage else []
    known = {one.object_id for one in mine}
    for object_id in ids:
        for kind in provider.info.kinds:
            one = look_up(provider, Address(name, kind, "any"), object_id, state.lineage)
            if one is not None and one.object_id not in known:
                known.add(one.object_id)
                mine.append(one)
    return mine


def _named(found: Sequence[tuple[str, Found]], state: State) -> Iterator[Unmanaged]:
    """The objects with addresses that are free: their own, or the same stem with the next number."""
    taken = set(state.resources)
    for provider, one in found:
        name, number = one.address.name, 0
        stem = name.rstrip("0123456789").rstrip("-") or name
        while Address(provider, one.address.kind, name) in taken:
            name, number = f"{stem}-{number}", number + 1
        to = Address(provider, one.address.kind, name)
        taken.add(to)
        yield Unmanaged(
            to=to,
            id=one.object_id,
            provider=provider,
            owner=one.lineage,
            ours=one.lineage is not None and one.lineage == state.lineage,
            about=_about(one),
            attributes=one.attributes,
        )


def _about(found: Found) -> str:
    attributes = found.attributes
    if "machine" in attributes:
        rack = found.outputs.get("rack")
        where = f", rack {rack}" if rack else ""
        many = f"{len(members_of(attributes)):,} x " if is_group(attributes) else ""
        return f"{many}{attributes['machine']} in {attributes.get('zone')}{where}"
    machines = attributes.get("machines")
    if isinstance(machines, list | tuple):
        return f"{attributes.get('workload')} on {listed([str(m) for m in machines[:4]])}"
    workload = attributes.get("workload")
    return f"{found.address.kind} of {workload}" if workload else found.address.kind


def as_yaml(objects: Sequence[Unmanaged]) -> str:
    """The entries for the document, with comments; workloads as far as what runs tells of them."""
    lines = [
        "# What exists and this state does not hold. Keep the rows that dcplan shall manage from now on,",
        "# and see what comes of them with: dcplan plan",
        "import:",
    ]
    for one in objects:
        whose = (
            "" if one.ours else " - nobody's" if one.owner is None else f" - of another state, {one.owner}"
        )
        lines += [f"  # {one.about}{whose}", f"  - {{to: {_text(str(one.to))}, id: {_text(one.id)}}}"]
    return "\n".join([*lines, *_workloads(objects), ""])


def _text(value: str) -> str:
    """A YAML scalar that is read as this text whatever it looks like."""
    plain = value.replace(".", "").replace("-", "").isalnum() and not value[:1].isdigit()
    quoted = value.replace('"', '\\"')
    return value if plain else f'"{quoted}"'


def _workloads(objects: Sequence[Unmanaged]) -> Iterator[str]:
    """A commented section for each workload of which replicas or a job were found."""
    groups: dict[str, list[Unmanaged]] = defaultdict(list)
    for one in objects:
        name = one.attributes.get("workload")
        if one.to.kind in ON_MACHINES and isinstance(name, str) and "settings" in one.attributes:
            groups[name].append(one)
    if groups:
        yield "# The workloads that these belong to, as far as it can be told. Fill in what is open (...)."
        yield "# workloads:"
    for name, members in groups.items():
        settings = members[0].attributes["settings"]
        told: Mapping[str, JsonValue] = settings if isinstance(settings, dict) else {}
        yield f"#   {name}:"
        if "framework" in told:
            yield "#     kind: train"
            yield f"#     model: {told.get('model')}"
            yield f"#     framework: {told['framework']}"
            yield from (f"#     {key}: {told[key]}" for key in _SETTINGS if key in told)
            continue
        yield f"#     kind: serve            # {plural(len(members), 'replica')}, {told.get('precision')}"
        yield f"#     model: {told.get('model')}"
        yield f"#     engine: {told.get('engine')}"
        yield "#     traffic: {requests_per_s: ..., prompt_tokens: ..., output_tokens: ...}"
        yield "#     sla: {ttft: {p95: ...}, tpot: {p95: ...}}"
