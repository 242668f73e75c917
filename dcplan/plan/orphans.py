"""Orphans: what carries a state's owner tag and is in nobody's books.  Pure."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Result, error, has_errors, listed, warning
from dcplan.plan.refactor import Imported, Wishes, needs_of, refactor
from dcplan.resources import Action, Address, Change, Reason, Resource
from dcplan.resources.machines import machines_in

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from dcplan.plan.diff import Kinds
    from dcplan.provider.types import Found
    from dcplan.state.types import Operation

_SHOWN = 4
"""Names in one message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """One object with our owner tag that neither the state nor an open operation accounts for."""

    provider: str
    found: Found
    usd_per_h: float | None = None
    """What it costs; None is unknown."""

    @property
    def id(self) -> str:
        """As its provider knows it."""
        return self.found.object_id

    @property
    def address(self) -> Address:
        """Where the state would have it."""
        return Address(self.provider, self.found.address.kind, self.found.address.name)

    @property
    def machines(self) -> int:
        """How many machines it is: of a group, those that it was planned with."""
        return machines_in(Resource(address=self.address, attributes=self.found.attributes))

    @property
    def on_machines(self) -> bool:
        """Whether it runs on machines that are objects of their own, so that it has no price of its own."""
        return "pool" not in self.found.attributes and "machines" in self.found.attributes


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What is accounted for: the rows of a state, and the operations that are open."""

    resources: Mapping[Address, Resource]
    open: Sequence[Operation] = ()


def unaccounted(owned: Mapping[str, Iterable[Found]], books: Iterable[Books]) -> tuple[Orphan, ...]:
    """The objects of each provider that none of ``books`` knows, in the order in which they were told.

    ``owned`` are all objects with the state's owner tag.  What an open operation may have made is no
    orphan: its recovery finds out.
    """
    held: set[tuple[str, object]] = set()
    making: set[Address] = set()
    for book in books:
        held |= {(a.provider, r.outputs.get("id")) for a, r in book.resources.items()}
        for operation in book.open:
            name = operation.address.provider
            ids = (operation.object_id, operation.resource.outputs.get("id"), operation.op_id)
            held |= {(name, one) for one in ids if one is not None}
            if operation.action is Action.CREATE:
                making.add(operation.address)
    orphans = (Orphan(provider=name, found=one) for name, found in owned.items() for one in found)
    return tuple(
        o
        for o in orphans
        if (o.provider, o.id) not in held
        and (o.found.token is None or (o.provider, o.found.token) not in held)
        and o.address not in making
    )


def chosen(orphans: Sequence[Orphan], ids: Sequence[str]) -> Result[tuple[Orphan, ...]]:
    """The orphans with these ids, which may be written ``PROVIDER/ID``; an error for each that is none."""
    by_name: dict[str, list[Orphan]] = defaultdict(list)
    for orphan in orphans:
        by_name[orphan.id].append(orphan)
        by_name[f"{orphan.provider}/{orphan.id}"].append(orphan)
    problems: list[Diagnostic] = []
    for name in dict.fromkeys(ids):
        named = by_name.get(name, [])
        if not named:
            detail = (
                f'"{name}" is no orphan: no provider that was asked has such an object with this state\'s '
                "owner tag, or the state has it already. All orphans: dcplan orphans"
            )
            problems.append(error("no-orphan", "This is no orphan", detail))
        elif len(named) > 1:
            full = listed([f"{o.provider}/{o.id}" for o in named])
            detail = f'"{name}" is the id of several objects. Say which one: {full}.'
            problems.append(error("orphan-ambiguous", "Several orphans have this id", detail))
    if problems:
        return Result(None, tuple(problems))
    once = {(o.provider, o.id): o for o in (by_name[name][0] for name in ids)}
    return Result(tuple(once.values()))


def in_the_way(orphans: Sequence[Orphan], changes: Iterable[Change]) -> tuple[Diagnostic, ...]:
    """A warning for the orphans that have the address of something that is to be made; none, if none has.

    So it is after ``state rm``: the object stays, and the next plan wants it anew.
    """
    made = {c.address for c in changes if c.action is Action.CREATE}
    there = [orphan for orphan in orphans if orphan.address in made]
    if not there:
        return ()
    more = len(there) - _SHOWN
    names = [f"{o.address} ({o.id})" for o in there[:_SHOWN]]
    are, them = ("is", "it") if len(there) == 1 else ("are", "them")
    ids = "ID..." if more > 0 else " ".join(o.id for o in there)
    detail = (
        f"{listed([*names, f'{more:,} more'] if more > 0 else names)} {are} there, with this state's owner "
        f"tag, and the state does not hold {them}, as after state rm. A create of the same name is refused, "
        f"or costs as much again. To take {them} into the state: dcplan orphans adopt {ids}. To have {them} "
        f"made anew: dcplan orphans delete {ids}"
    )
    return (warning("orphan-in-the-way", "What is to be made is there already", detail),)


def adoption(
    orphans: Sequence[Orphan], resources: Mapping[Address, Resource], kinds: Kinds
) -> Result[tuple[Change, ...]]:
    """The changes that take these orphans into a state with ``resources``, each at its own address.

    Errors: ``orphan-address-taken`` where that address is another's, and those of an import.
    """
    problems: list[Diagnostic] = []
    takers: dict[Address, str] = {a: f"{r.outputs.get('id')}" for a, r in resources.items()}
    for orphan in orphans:
        if orphan.address in takers:
            detail = (
                f"{orphan.id} is called {orphan.address}, as {takers[orphan.address]} is, which has that "
                "address. Give it another one in the document, import: "
                f"[{{to: {orphan.address}-2, id: {orphan.id}}}], or delete it: "
                f"dcplan orphans delete {orphan.id}"
            )
            problems.append(error("orphan-address-taken", "The address is another's", detail))
        takers.setdefault(orphan.address, orphan.id)
    if problems:
        return Result(None, tuple(problems))
    imported = tuple(Imported(address=o.address, found=o.found, path=()) for o in orphans)
    made = refactor(Wishes(imported=imported), resources, kinds)
    if made.value is None:
        return Result(None, made.diagnostics)
    return Result(tuple(replace(c, reason=Reason.ASKED) for c in made.value.changes), made.diagnostics)


def deletion(
    orphans: Sequence[Orphan], resources: Mapping[Address, Resource], blocked: Collection[Address]
) -> Result[tuple[Change, ...]]:
    """The changes that delete these orphans, what runs on something before that.

    An orphan whose address the state has for another object, or has an operation open at
    (``blocked``), is journaled under a name of its own, so that no row but its own is touched.
    Errors: ``orphan-needed`` for one that a resource of the state stands on.
    """
    problems = tuple(_needed(orphans, resources))
    if has_errors(problems):
        return Result(None, problems)
    taken = {*resources, *blocked}
    where: dict[str, Address] = {}
    called: dict[Address, list[Address]] = defaultdict(list)
    for orphan in orphans:
        address = _free(orphan.address, taken)
        taken.add(address)
        where[f"{orphan.provider}/{orphan.id}"] = address
        called[orphan.address].append(address)
    changes = []
    for orphan in orphans:
        needs = needs_of(orphan.provider, orphan.found.attributes, called)
        before = Resource(
            address=where[f"{orphan.provider}/{orphan.id}"],
            attributes=orphan.found.attributes,
            needs=tuple(journaled for need in needs for journaled in called[need]),
            outputs={**orphan.found.outputs, "id": orphan.id},
        )
        changes.append(
            Change(
                address=before.address, action=Action.DELETE, before=before, after=None, reason=Reason.ASKED
            )
        )
    return Result(tuple(changes))


def _free(address: Address, taken: Collection[Address]) -> Address:
    number, name = 0, address
    while name in taken:
        number, name = number + 1, replace(address, name=f"{address.name}-orphan-{number}")
    return name


def _needed(orphans: Sequence[Orphan], resources: Mapping[Address, Resource]) -> Iterable[Diagnostic]:
    """An error for each orphan that something in the state stands on: its row was lost, its use was not."""
    users: dict[Address, list[str]] = defaultdict(list)
    for address, resource in resources.items():
        for need in resource.needs:
            if need not in resources:
                users[need].append(str(address))
    for orphan in orphans:
        if orphan.address in users:
            names = users[orphan.address]
            more = [f"{len(names) - _SHOWN:,} more"] if len(names) > _SHOWN else []
            detail = (
                f"{listed([*names[:_SHOWN], *more])} of the state stands on {orphan.address}, which "
                f"{orphan.id} is. Take it into the state instead: dcplan orphans adopt {orphan.id}"
            )
            yield error("orphan-needed", "An orphan is in use", detail)
