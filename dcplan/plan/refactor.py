"""``moved``, ``removed`` and ``import``: what the state is before anything is compared, and how it came so.

Pure.  The changes that come of it are of the state alone; apply makes them first, all in one transaction.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dcplan.config.check_refactor import chains, is_address
from dcplan.diag import ConfigPath, Diagnostic, Result, did_you_mean, error, has_errors, listed, warning
from dcplan.plan.diff import by_address
from dcplan.plan.renaming import ON_MACHINES, Renames
from dcplan.provider.lowering import REPLICA
from dcplan.resources import Action, Address, Change, JsonValue, Reason, Resource

if TYPE_CHECKING:
    from dcplan.config.refactor_spec import MovedSpec, RemovedSpec
    from dcplan.plan.diff import Kinds
    from dcplan.provider.types import Found

_SHOWN = 4
"""Names in one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """An entry of ``import`` and the object that its provider has under that id."""

    address: Address
    found: Found
    path: ConfigPath
    ours: bool = True
    """Whether it carries this state's owner tag already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the document says of things that exist."""

    moved: Sequence[MovedSpec] = ()
    removed: Sequence[RemovedSpec] = ()
    imported: Sequence[Imported] = ()
    workloads: Collection[str] = ()
    """Names of those that stand in the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refactored:
    """The state as the document speaks of it."""

    resources: Mapping[Address, Resource]
    changes: tuple[Change, ...] = ()
    """Moves, forgettings, imports and notes, in order of address."""
    renames: Renames = field(default_factory=Renames)
    taken_over: frozenset[Address] = frozenset()
    """Of what is imported, that which does not carry this state's owner tag yet."""


def refactor(wishes: Wishes, prior: Mapping[Address, Resource], kinds: Kinds) -> Result[Refactored]:
    """``prior`` after all moves, then without what is forgotten, then with what is imported.

    What has been done already does nothing again.  Errors: ``moved-onto``, ``forget-ground``,
    ``forget-shared``, ``import-taken``, ``import-elsewhere``, ``import-kind``, ``import-not-ready``.
    """
    said: list[Diagnostic] = []
    renames = _renames(wishes.moved, prior, said)
    resources: dict[Address, Resource] = {}
    changes: list[Change] = []
    for address, resource in prior.items():
        new = renames.resource(resource) if renames else resource
        resources[new.address] = new
        if new != resource:
            changes.append(_move(address, resource, new))
    forgotten = _forgotten(wishes, resources, kinds, said)
    for address in forgotten:
        before = resources.pop(address)
        changes = [c for c in changes if c.address != address]
        changes.append(
            Change(address=address, action=Action.FORGET, before=before, after=None, reason=Reason.FORGOTTEN)
        )
    for one in wishes.imported:
        made = _import(one, wishes.imported, resources, kinds, said)
        if made is not None:
            changes.append(made)
    resources.update({c.address: c.after for c in changes if c.action is Action.IMPORT and c.after})
    if has_errors(tuple(said)):
        return Result(None, tuple(said))
    ordered = tuple(sorted(changes, key=lambda c: by_address(c.address)))
    over = frozenset(one.address for one in wishes.imported if not one.ours)
    done = Refactored(resources=resources, changes=ordered, renames=renames, taken_over=over)
    return Result(done, tuple(said))


def _move(address: Address, before: Resource, after: Resource) -> Change:
    moved = after.address != address
    return Change(
        address=after.address,
        action=Action.MOVE if moved else Action.RECORD,
        before=before,
        after=after,
        reason=Reason.MOVED if moved else Reason.FOLLOWS,
        previous_address=address if moved else None,
    )


def _renames(
    moved: Sequence[MovedSpec], prior: Mapping[Address, Resource], said: list[Diagnostic]
) -> Renames:
    """Where everything of ``prior`` goes; says what cannot go there."""
    ends = chains({move.from_: move.to for move in moved})
    renames = Renames(
        addresses={Address.parse(old): Address.parse(new) for old, new in ends.items() if is_address(old)},
        workloads={old: new for old, new in ends.items() if not is_address(old)},
    ).over(prior.values())
    whose: dict[Address, Address] = {}
    for old in sorted(prior):
        new = renames.addresses.get(old, old)
        if new in whose:
            i = _entry(moved, prior[old] if new != old else prior[whose[new]])
            detail = (
                f"Both {whose[new]} and {old} would be {new} then. Move one of them somewhere else first, or "
                "let its workload go."
            )
            said.append(error("moved-onto", "A move leads onto something", detail, path=("moved", i, "to")))
        whose.setdefault(new, old)
    said.extend(_idle_moves(moved, prior))
    return renames


def _entry(moved: Sequence[MovedSpec], resource: Resource) -> int:
    """The number of the entry that moves this resource."""
    names = {str(resource.address), str(resource.attributes.get("workload"))}
    return next((i for i, move in enumerate(moved) if move.from_ in names), 0)


def _idle_moves(moved: Sequence[MovedSpec], prior: Mapping[Address, Resource]) -> Iterable[Diagnostic]:
    """A move that found neither its old name nor its new one: done long ago, or misspelt."""
    known = {str(a) for a in prior} | {str(r.attributes.get("workload")) for r in prior.values()}
    if not prior:
        return
    ends = chains({move.from_: move.to for move in moved})
    for i, move in enumerate(moved):
        if move.from_ in known or ends[move.from_] in known or move.to in known:
            continue
        hint = did_you_mean(move.from_, known) or "If it was moved in every state, take the entry out."
        detail = f'The state knows neither "{move.from_}" nor "{move.to}", so this moves nothing. {hint}'
        yield warning("moved-nothing", "A move moves nothing", detail, path=("moved", i, "from"))


def _forgotten(
    wishes: Wishes, resources: Mapping[Address, Resource], kinds: Kinds, said: list[Diagnostic]
) -> list[Address]:
    """The addresses that dcplan has nothing to do with any more."""
    stands_on = _dependants(resources, kinds)
    by_name: dict[str, list[Address]] = {}
    for address, resource in resources.items():
        if isinstance(name := resource.attributes.get("workload"), str):
            by_name.setdefault(name, []).append(address)
    told = {removed.from_: removed for removed in wishes.removed}
    asked: dict[Address, ConfigPath] = {}
    for i, removed in enumerate(wishes.removed):
        named = (
            [a for a in (Address.parse(removed.from_),) if a in resources]
            if is_address(removed.from_)
            else by_name.get(removed.from_, [])
        )
        if not removed.destroy:
            asked |= dict.fromkeys(named, ("removed", i, "from"))
        if not named:
            said.extend(_misspelt(removed.from_, i, resources, wishes.workloads))
    for name, addresses in by_name.items():
        if name not in wishes.workloads and name not in told:
            asked |= {a: ("workloads",) for a in addresses if resources[a].on_remove == "forget"}
    return _with_ground(asked, resources, stands_on, said)


def _dependants(resources: Mapping[Address, Resource], kinds: Kinds) -> dict[Address, set[Address]]:
    """What stands on each thing; what only points to it does not count."""
    stands_on: dict[Address, set[Address]] = {}
    for address, resource in resources.items():
        kind = kinds.get((address.provider, address.kind))
        if kind is None or not kind.points_only:
            for need in resource.needs:
                stands_on.setdefault(need, set()).add(address)
    return stands_on


def _misspelt(
    name: str, i: int, resources: Mapping[Address, Resource], workloads: Collection[str]
) -> Iterable[Diagnostic]:
    """A removal that found nothing, where something of nearly that name would be destroyed."""
    left = {str(r.attributes["workload"]) for r in resources.values() if "workload" in r.attributes}
    known = [str(a) for a in resources] if is_address(name) else left - set(workloads)
    if hint := did_you_mean(name, known):
        detail = f'The state knows no "{name}". {hint} If it was removed already, take the entry out.'
        yield warning("removed-nothing", "A removal removes nothing", detail, path=("removed", i, "from"))


def _with_ground(
    asked: Mapping[Address, ConfigPath],
    resources: Mapping[Address, Resource],
    stands_on: Mapping[Address, set[Address]],
    said: list[Diagnostic],
) -> list[Address]:
    """These and what only they stand on: forgotten things must not lose their ground."""
    forgotten = dict(asked)
    todo = list(asked)
    while todo:
        address = todo.pop()
        for need in resources[address].needs:
            if need in resources and need not in forgotten and stands_on.get(need, set()) <= forgotten.keys():
                forgotten[need] = forgotten[address]
                todo.append(need)
    for address, path in forgotten.items():
        others = sorted(str(a) for a in stands_on.get(address, set()) - forgotten.keys())
        if others:
            detail = (
                f"{address} carries {_names(others)}, which dcplan goes on managing, so it cannot be "
                "forgotten. Forget what stands on it as well."
            )
            said.append(error("forget-ground", "What is needed cannot be forgotten", detail, path=path))
        if address not in asked:
            continue
        shared = [n for n in resources[address].needs if n in resources and n not in forgotten]
        if shared:
            users = sorted(
                {str(u) for n in shared for u in stands_on.get(n, ())} - {str(a) for a in forgotten}
            )
            detail = (
                f"{address} shares {_names([str(n) for n in shared])} with {_names(users)}. Forgotten, it "
                "would lose its devices to what is placed there next. Forget both, or write destroy: true."
            )
            said.append(error("forget-shared", "A shared machine cannot be forgotten", detail, path=path))
    return sorted(forgotten)


def _import(
    one: Imported,
    every: Sequence[Imported],
    resources: Mapping[Address, Resource],
    kinds: Kinds,
    said: list[Diagnostic],
) -> Change | None:
    """The change that takes an object over; None when that is done, or cannot be."""
    address, found = one.address, one.found
    there = resources.get(address)
    holder = next(
        (a for a, r in resources.items() if a.provider == address.provider and _id(r) == found.object_id),
        None,
    )
    if holder == address:
        return None
    kind = kinds.get((address.provider, address.kind))
    code, detail = "", ""
    if there is not None:
        code, detail = "import-taken", f"At {address} the state has {_id(there)}. Name another address."
    elif holder is not None:
        code = "import-elsewhere"
        detail = f"The state has {found.object_id} already, at {holder}. To rename it, write it under moved."
    elif kind is None or found.address.kind != address.kind:
        code = "import-kind"
        detail = f"{found.object_id} is a {found.address.kind}: name its address {found.address}."
    elif not found.ready:
        code, detail = "import-not-ready", f"{found.object_id} is not ready yet. Plan again once it is."
    if code or kind is None:
        said.append(error(code, "An object cannot be imported", detail, path=one.path))
        return None
    after = Resource(
        address=address,
        attributes=found.attributes,
        needs=needs_of(address.provider, found.attributes, [*resources, *(other.address for other in every)]),
        known_after_apply=kind.outputs,
        outputs={**found.outputs, "id": found.object_id},
    )
    return Change(address=address, action=Action.IMPORT, before=None, after=after, reason=Reason.IMPORTED)


def _id(resource: Resource) -> JsonValue:
    return resource.outputs.get("id")


def needs_of(
    provider: str, attributes: Mapping[str, JsonValue], known: Iterable[Address]
) -> tuple[Address, ...]:
    """What an object stands on, as far as its attributes name it."""
    mine = [a for a in known if a.provider == provider]
    grounds = {a.name: a for a in mine if a.kind not in ON_MACHINES}
    replicas = {a.name: a for a in mine if a.kind == REPLICA}
    needs: list[Address] = []
    for key in ("machines", "prefill_machines", "standby", "replicas", "groups"):
        value, among = attributes.get(key), replicas if key == "replicas" else grounds
        if isinstance(value, list | tuple | dict):
            needs += [among[name] for name in map(str, value) if name in among]
    return tuple(dict.fromkeys(needs))


def _names(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return listed([*names[:_SHOWN], f"{more} more"] if more > 0 else list(names))
