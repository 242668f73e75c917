"""Rules between the entries of ``moved``, ``removed`` and ``import``, as far as the document alone tells."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from dcplan.diag import ConfigPath, Diagnostic, error, listed
from dcplan.diag.types import Related

if TYPE_CHECKING:
    from dcplan.config.check import Names
    from dcplan.config.document import Document

_ADDRESS = re.compile(r"[^.\s]+\.[^.\s]+\.\S+")
_WORKLOAD = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")


def is_address(text: str) -> bool:
    """Whether this names a resource (``local.machine.h100-0``) rather than a workload (``chat``)."""
    return _ADDRESS.fullmatch(text) is not None


def chains(moves: dict[str, str]) -> dict[str, str]:
    """Each name that is moved, and where it ends after all moves; one of a circle ends at itself."""
    ends: dict[str, str] = {}
    for start, end in moves.items():
        seen, at = {start}, end
        while at in moves and at not in seen:
            seen.add(at)
            at = moves[at]
        ends[start] = start if at in seen else at
    return ends


def names_can_be_read(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """Each name is an address or a workload's; both ends of a move are of one sort."""
    for i, move in enumerate(document.moved):
        yield from _readable(move.from_, ("moved", i, "from"))
        yield from _readable(move.to, ("moved", i, "to"))
        if is_address(move.from_) != is_address(move.to):
            yield error(
                "moved-unlike",
                "A move joins unlike things",
                f'"{move.from_}" and "{move.to}" must be two addresses, or the names of two workloads.',
                path=("moved", i),
            )
        elif is_address(move.from_) and move.from_.split(".")[:2] != move.to.split(".")[:2]:
            yield error(
                "moved-unlike",
                "A move joins unlike things",
                f"{move.from_} cannot become {move.to}: provider and kind of a thing stay what they are. "
                "Take the entry out; what is wanted elsewhere is made there.",
                path=("moved", i, "to"),
            )
    for i, removed in enumerate(document.removed):
        yield from _readable(removed.from_, ("removed", i, "from"))
    for i, one in enumerate(document.import_):
        if not is_address(one.address):
            detail = (
                f'"{one.to}" is no address. Write provider.kind.name, as in local.machine.h100-0, or '
                "kind.name with a provider."
            )
            yield error("not-an-address", "An address cannot be read", detail, path=("import", i, "to"))


def _readable(text: str, path: ConfigPath) -> Iterator[Diagnostic]:
    if not is_address(text) and _WORKLOAD.fullmatch(text) is None:
        detail = (
            f'"{text}" is neither an address (provider.kind.name, as in local.machine.h100-0) nor a '
            "workload's name."
        )
        yield error("not-an-address", "An address cannot be read", detail, path=path)


def moves_do_not_clash(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """Nothing moves twice, no two things move to one place, and no way leads back."""
    for end in ("from_", "to"):
        key = end.rstrip("_")
        first: dict[str, int] = {}
        for i, move in enumerate(document.moved):
            name = getattr(move, end)
            if name in first:
                said = f'"{name}" is moved twice' if key == "from" else f'Two things are moved to "{name}"'
                yield error(
                    "moved-twice",
                    "Moves clash",
                    f"{said}. Keep one of the two entries.",
                    path=("moved", i, key),
                    related=(Related(note="The other one.", path=("moved", first[name], key)),),
                )
            first.setdefault(name, i)
    moves = {move.from_: move.to for move in document.moved}
    ends = chains(moves)
    for i, move in enumerate(document.moved):
        if ends[move.from_] == move.from_:
            detail = f'From "{move.from_}" the moves lead back to "{move.from_}". Take one of them out.'
            yield error("moved-in-a-circle", "Moves lead in a circle", detail, path=("moved", i))


def what_is_gone_is_not_declared(document: Document, names: Names) -> Iterator[Diagnostic]:
    """A workload that was renamed or removed is not in the document, and its new name is."""
    ends = chains({move.from_: move.to for move in document.moved})
    for i, move in enumerate(document.moved):
        if is_address(move.from_):
            continue
        if move.from_ in names.workloads:
            detail = (
                f'"{move.from_}" is moved to "{move.to}" and is still under "workloads:". Take it out there; '
                "what runs of it becomes the other's."
            )
            yield error("moved-still-there", "What is gone is declared", detail, path=("moved", i, "from"))
        if ends[move.from_] not in names.workloads and ends[move.from_] != move.from_:
            detail = (
                f'There is no workload "{ends[move.from_]}" in the document, so what runs as "{move.from_}" '
                "would be destroyed under another name. Give the workload its new name, or mend this entry."
            )
            yield error("moved-nowhere", "A move leads nowhere", detail, path=("moved", i, "to"))
    for i, removed in enumerate(document.removed):
        if removed.from_ in names.workloads:
            detail = (
                f'"{removed.from_}" is still under "workloads:". Take it out there, or take this entry out.'
            )
            yield error(
                "removed-still-there", "What is gone is declared", detail, path=("removed", i, "from")
            )


def entries_do_not_contradict(document: Document, names: Names) -> Iterator[Diagnostic]:
    """One entry a thing, and providers that exist."""
    gone: dict[str, int] = {}
    moved = {name for move in document.moved for name in (move.from_, move.to)}
    for i, removed in enumerate(document.removed):
        path: ConfigPath = ("removed", i, "from")
        if removed.from_ in gone:
            detail = f'"{removed.from_}" is removed twice. Keep one of the two entries.'
            yield error("removed-twice", "Removals clash", detail, path=path)
        elif removed.from_ in moved:
            detail = f'"{removed.from_}" is moved, too. Name it here as it will be called, or nowhere.'
            yield error("removed-and-moved", "Removals clash", detail, path=path)
        gone.setdefault(removed.from_, i)
    seen: dict[str, int] = {}
    for i, one in enumerate(document.import_):
        provider = one.address.split(".")[0]
        if is_address(one.address) and provider not in names.providers:
            detail = (
                f'The document names no provider "{provider}"; it names {listed(sorted(names.providers))}.'
            )
            yield error(
                "import-provider", "A provider is not in the document", detail, path=("import", i, "to")
            )
        for what, key in ((one.address, "to"), (f"{provider} {one.id}", "id")):
            if what in seen:
                detail = f'"{getattr(one, key)}" is imported twice. Keep one of the two entries.'
                yield error("imported-twice", "Imports clash", detail, path=("import", i, key))
            seen.setdefault(what, i)
        if one.address in gone:
            detail = f"{one.address} is removed, too. Keep one of the two entries."
            yield error("imported-and-removed", "Imports clash", detail, path=("import", i, "to"))


REFACTOR_RULES: tuple[Callable[[Document, Names], Iterator[Diagnostic]], ...] = (
    names_can_be_read,
    moves_do_not_clash,
    what_is_gone_is_not_declared,
    entries_do_not_contradict,
)
