"""``iam``: what must be allowed to whoever applies a plan, cloud by cloud."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Diagnostics, Result, has_errors, warning
from dcplan.provider import open_providers
from dcplan.provider.permissions import Allowance, Deed, KeyUse, Use
from dcplan.provider.protocol import TellsPermissions
from dcplan.resources import Action
from dcplan.workflow.applying import providers_of
from dcplan.workflow.backend_file import LOCAL, Backend, read_backend
from dcplan.workflow.stores import declared_in, has_said, merged

if TYPE_CHECKING:
    from dcplan.config.encryption import Encryption, Key
    from dcplan.plan.fallbacks import Fallback
    from dcplan.plan.types import Plan
    from dcplan.provider.protocol import Provider
    from dcplan.resources import Address, Change, Resource
    from dcplan.workflow.types import Project

SERVERS: Mapping[str, str] = {"s3": "aws", "gcs": "gcp", "aws_kms": "aws", "gcp_kms": "gcp"}
"""Backends and services of keys, and the provider whose package they come with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """What one provider answers."""

    provider: str
    allowances: tuple[Allowance, ...]
    """Empty: nothing is needed."""


def permissions(project: Project, plan: Plan, held: Iterable[Resource] = ()) -> Result[tuple[Permitted, ...]]:
    """What each cloud must allow for ``plan``, for the state's server and for keys; asks no cloud.

    ``held`` is what the state holds, where somebody has read it: what is not changed may tell where
    something is.  Diagnostics: as opening the plan's providers, a warning for each of which nobody can tell.
    """
    opened = providers_of(project, plan)
    if opened.value is None:
        return Result(None, opened.diagnostics)
    backend = _backend(project)
    if backend.value is None:
        return Result(None, backend.diagnostics)
    keys = _keys(project)
    if keys.value is None:
        return Result(None, keys.diagnostics)
    servers, more = _only_servers(
        project, {backend.value.kind, *(key.kind for key, _ in keys.value)}, opened.value
    )
    said = (*opened.diagnostics, *more)
    if has_errors(said):
        return Result(None, said)
    uses = _uses(plan, tuple(held), opened.value)
    answers = []
    for name, provider in sorted({**servers, **opened.value}.items()):
        use = replace(
            uses.get(name) or Use(project=plan.project, lineage=plan.inputs.lineage, machines=False),
            state=backend.value.settings if SERVERS.get(backend.value.kind) == name else None,
            keys=tuple(
                KeyUse(settings=key.settings, wraps=wraps)
                for key, wraps in keys.value
                if SERVERS.get(key.kind) == name
            ),
        )
        if isinstance(provider, TellsPermissions):
            answers.append(Permitted(provider=name, allowances=provider.permissions(use)))
        else:
            said = (*said, _silent(name))
    return Result(tuple(answers), (*said, *_interrupted(plan)))


def _uses(plan: Plan, held: tuple[Resource, ...], providers: Iterable[str]) -> dict[str, Use]:
    """What each provider of the plan does."""
    deeds = tuple(deeds_of(plan))
    return {
        name: Use(
            project=plan.project,
            lineage=plan.inputs.lineage,
            deeds=tuple(deed for deed in deeds if deed.resource.address.provider == name),
            held=tuple(resource for resource in held if resource.address.provider == name),
        )
        for name in providers
    }


def deeds_of(plan: Plan) -> Iterator[Deed]:
    """Everything that applying a plan may do: its changes, failover, and taking back what is new."""
    for change in plan.changes:
        yield from _of_change(change)
    for change in plan.state_changes:  # Forgetting and importing change the owner's tag, where there is one.
        resource = change.before or change.after
        if change.action in {Action.FORGET, Action.IMPORT} and resource is not None:
            yield Deed(action=Action.UPDATE, resource=resource)
            yield Deed(action=change.action, resource=resource)
    made = {c.address: c.after for c in plan.changes if c.action in _MAKES and c.after is not None}
    if plan.apply.on_error == "rollback-new":
        yield from (Deed(action=Action.DELETE, resource=resource) for resource in made.values())
    if plan.apply.failover != "never":
        for fallback in plan.fallbacks:
            yield from _elsewhere(fallback, made)


_MAKES = frozenset({Action.CREATE, Action.REPLACE})


def _of_change(change: Change) -> Iterator[Deed]:
    if change.action in {Action.DELETE, Action.REPLACE} and change.before is not None:
        yield Deed(action=Action.DELETE, resource=change.before)
    if change.action in _MAKES and change.after is not None:
        yield Deed(action=Action.CREATE, resource=change.after)
    if change.action is Action.UPDATE and change.after is not None:
        # Where the object is, only what was there tells.
        outputs = {} if change.before is None else change.before.outputs
        yield Deed(action=Action.UPDATE, resource=replace(change.after, outputs=outputs))
        if change.before is not None and change.before.attributes != change.after.attributes:
            yield Deed(action=Action.UPDATE, resource=change.before)  # What it had may have to go.


def _elsewhere(fallback: Fallback, made: Mapping[Address, Resource]) -> Iterator[Deed]:
    """The machines of a pool in each other one; those that were had are given back when others are not."""
    machines = [made[a] for unit in fallback.units for a in unit.machines if a in made]
    for machine in machines:
        for other in fallback.alternatives:
            where = {"pool": other.pool, "region": other.region, "zone": other.zone, **other.attributes}
            there = replace(machine, attributes={**machine.attributes, **where})
            yield Deed(action=Action.CREATE, resource=there)
            yield Deed(action=Action.DELETE, resource=there)
        yield Deed(action=Action.DELETE, resource=machine)


def _backend(project: Project) -> Result[Backend]:
    """Where the state is or, before ``init``, shall be, with what comes from the environment."""
    from dcplan.config import filled  # noqa: PLC0415 - as heavy as YAML
    from dcplan.config.variables import Outside  # noqa: PLC0415 - as above

    recorded, declared = read_backend(project), declared_in(project)
    if has_said(recorded) or has_said(declared):
        return Result(None, (*recorded.diagnostics, *declared.diagnostics))
    found = recorded.value or LOCAL
    if declared.value is not None:
        found = merged(declared.value, found.given if found.kind == declared.value.kind else {})
    settings = filled(
        {found.kind: dict(found.settings)}, project.env, Outside(project.variables, (), project.env)
    )
    if settings.value is None:
        return Result(None, settings.diagnostics)
    told = {key: str(value) for key, value in settings.value[found.kind].items()}
    return Result(replace(found, settings=told))


def _keys(project: Project) -> Result[tuple[tuple[Key, bool], ...]]:
    """The keys of the document that are a cloud's, and whether new ones are wrapped by them."""
    from dcplan.config.encryption import declared_encryption  # noqa: PLC0415 - as heavy as YAML
    from dcplan.config.files import default_paths  # noqa: PLC0415 - as above

    paths = project.files or default_paths(project.folder)
    declared = declared_encryption(paths, variables=project.variables, env=project.env)
    if has_said(declared):
        return Result(None, declared.diagnostics)
    said: Encryption | None = declared.value
    if said is None:
        return Result(())
    both = [(said.key, True), *([] if said.old is None else [(said.old, False)])]
    return Result(tuple((key, wraps) for key, wraps in both if key.kind in SERVERS))


def _only_servers(
    project: Project, kinds: Iterable[str], opened: Mapping[str, Provider]
) -> tuple[Mapping[str, Provider], Diagnostics]:
    """Providers that the plan does not use, and whose cloud holds its state or its keys."""
    missing = sorted({SERVERS[kind] for kind in kinds if kind in SERVERS} - set(opened))
    found = open_providers({name: {} for name in missing}, project.folder)
    return found.value or {}, found.diagnostics


def _silent(name: str) -> Diagnostic:
    return warning(
        "permissions-unknown",
        "A provider does not tell what it needs",
        f'The package of the provider "{name}" does not say which permissions its calls need. Ask whoever '
        "makes it.",
        address=name,
    )


def _interrupted(plan: Plan) -> Diagnostics:
    if not plan.interrupted:
        return ()
    detail = (
        f"An interrupted apply left {len(plan.interrupted)} operations open, which are ended first. What "
        "they need is not among these permissions: take those of the plan that was interrupted as well."
    )
    return (warning("permissions-interrupted", "An interrupted apply needs permissions of its own", detail),)
