"""What clouds answer about where instances are, as rows of a list of machines."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from dcplan.diag import Diagnostic, Related, Result, SourceRange, error
from dcplan.provider.local.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

_AWS_LISTS = {"Instances": "InstanceId", "CapacityReservations": "CapacityReservationId"}
"""Keys of the two answers of EC2, and what identifies an entry."""

LAYERS = 2
"""Layers of switches that are read: the lowest is the rack, the one above it the block."""


def read_answer(text: str, file: str) -> Result[tuple[Row, ...]]:
    """The machines of an answer of EC2 or Compute Engine, in its order."""
    try:
        data = json.loads(text)
    except json.JSONDecodeError as problem:
        place = SourceRange(file=file, line=problem.lineno, column=problem.colno)
        return Result(None, (error("inventory-json", "The list is no JSON", f"{problem.msg}.", range=place),))
    reader = _Answer(text, file)
    if isinstance(data, dict):
        for key, name in _AWS_LISTS.items():
            if isinstance(data.get(key), list):
                return reader.read(reader.aws(one, name) for one in data[key])
        data = data.get("items")
    if isinstance(data, list):
        return reader.read(reader.google(one) for one in data)
    detail = (
        "Read are the answers of EC2's DescribeInstanceTopology and DescribeCapacityReservationTopology, "
        "and lists of Compute Engine instances with physicalHostTopology."
    )
    place = SourceRange(file=file, line=1, column=1)
    return Result(None, (error("inventory-json", "The list is of no known kind", detail, range=place),))


class _Answer:
    """Reads the entries of one answer; collects what is wrong with them."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.said: list[Diagnostic] = []
        self._at = 0
        self._above: dict[str, tuple[str, SourceRange]] = {}

    def read(self, rows: Iterator[Row | None]) -> Result[tuple[Row, ...]]:
        """All rows that could be read."""
        found = tuple(row for row in rows if row is not None)
        return Result(found, tuple(self.said))

    def aws(self, entry: Any, name: str) -> Row | None:
        """One instance or reservation of EC2."""
        fields = entry if isinstance(entry, dict) else {}
        place = self._place(fields.get(name))
        above = fields.get("NetworkNodes")
        switches = [n for n in above if isinstance(n, str)] if isinstance(above, list) else []
        zone = fields.get("ZoneId") or fields.get("AvailabilityZone") or ""
        if not self._told(place, fields.get(name), fields.get("InstanceType"), zone):
            return None
        if len(switches) < LAYERS:
            detail = (
                f"{fields[name]} has no network nodes: EC2 tells them of running instances of accelerated "
                "types only. Leave it out."
            )
            self.said.append(
                error("inventory-disconnected", "A machine is connected to nothing", detail, range=place)
            )
            return None
        if not self._one_way_up(switches, place):
            return None
        return Row(
            name=fields[name],
            machine=fields["InstanceType"],
            zone=zone,
            block=switches[-2],
            rack=switches[-1],
            place=place,
        )

    def google(self, entry: Any) -> Row | None:
        """One instance of Compute Engine."""
        fields = entry if isinstance(entry, dict) else {}
        place = self._place(fields.get("name"))
        status = fields.get("resourceStatus")
        where = status.get("physicalHostTopology") if isinstance(status, dict) else None
        where = where if isinstance(where, dict) else {}
        type_, zone = (str(fields.get(key) or "").rpartition("/")[2] for key in ("machineType", "zone"))
        if not self._told(place, fields.get("name"), type_, zone):
            return None
        block, rack = where.get("block"), where.get("subblock") or where.get("subBlock")
        if not block or not rack:
            detail = (
                f"{fields['name']} has no block and subblock: Compute Engine tells them of instances that a "
                "dense reservation or a compact placement policy puts there. Leave it out."
            )
            self.said.append(
                error("inventory-disconnected", "A machine is connected to nothing", detail, range=place)
            )
            return None
        if not self._one_way_up([str(block), str(rack)], place):
            return None
        return Row(
            name=fields["name"], machine=type_, zone=zone, block=str(block), rack=str(rack), place=place
        )

    def _place(self, name: object) -> SourceRange:
        """The line on which an entry says its name; the answer keeps its order, so the search goes on."""
        at = self.text.find(f'"{name}"', self._at) if isinstance(name, str) else -1
        self._at = at + 1 if at >= 0 else self._at
        return SourceRange(file=self.file, line=self.text.count("\n", 0, max(at, 0)) + 1, column=1)

    def _told(self, place: SourceRange, *facts: object) -> bool:
        """Whether an entry says its name, type and zone."""
        if all(isinstance(fact, str) and fact for fact in facts):
            return True
        detail = "An entry does not say its name, its machine type and its zone as text."
        self.said.append(error("inventory-json", "An entry cannot be read", detail, range=place))
        return False

    def _one_way_up(self, switches: list[str], place: SourceRange) -> bool:
        """Whether each switch is below the same one as before: the network is read as a tree."""
        for upper, lower in pairwise(switches):
            known, where = self._above.setdefault(lower, (upper, place))
            if known != upper:
                detail = (
                    f'"{lower}" is below "{upper}" here and below "{known}" elsewhere; a tree has one way up.'
                )
                earlier = Related(note=f'it is below "{known}" here', range=where)
                self.said.append(
                    error(
                        "inventory-two-ways-up",
                        "A switch stands in two places",
                        detail,
                        range=place,
                        related=(earlier,),
                    )
                )
                return False
        return True
