"""The nodes of the world: who holds which, and which one is given next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.provider.local.allocate import Rack, choose_rack

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One machine that stands in a rack."""

    name: str
    """Unique in the data centre: ``zone/block/rack/node``."""
    rack: Rack
    machine: str
    """Name of its machine type."""
    address: str
    """Host name or IP address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a create of a machine asks for."""

    machine: str
    zone: str
    block: str | None
    """None: any block of the zone."""
    gang: str | None
    """Key of the gang in the world."""
    gang_size: int = 1
    rack: Rack | None = None
    """The one rack that will do; None: any."""
    node: str | None = None
    """The one node of it that will do; None: any."""


def stand(db: sqlite3.Connection, nodes: Iterable[Node]) -> None:
    """Make the world's nodes those of the inventory.

    A node that is no longer listed stays as long as a machine holds it, and is
    given to nobody else.
    """
    db.execute("UPDATE nodes SET listed = 0")
    db.executemany(
        "INSERT INTO nodes (name, zone, block, rack, machine, address, listed) VALUES (?,?,?,?,?,?,1)"
        " ON CONFLICT (name) DO UPDATE SET machine = excluded.machine, address = excluded.address,"
        " listed = 1",
        ((n.name, n.rack.zone, n.rack.block, n.rack.name, n.machine, n.address) for n in nodes),
    )
    db.execute("DELETE FROM nodes WHERE NOT listed AND held_by IS NULL")
    db.execute("DELETE FROM racks")
    db.execute(
        "INSERT INTO racks SELECT zone, block, rack, machine, SUM(held_by IS NULL) FROM nodes"
        " WHERE listed GROUP BY zone, block, rack, machine",
    )


def free_rack(db: sqlite3.Connection, wanted: Wanted) -> Rack | None:
    """The rack for the next such machine; None when none is free."""
    if wanted.node is not None:
        there = "SELECT 1 FROM nodes WHERE name = ? AND machine = ? AND held_by IS NULL AND listed"
        return wanted.rack if db.execute(there, (wanted.node, wanted.machine)).fetchone() else None
    if wanted.rack is not None:
        place = (wanted.machine, wanted.rack.zone, wanted.rack.block, wanted.rack.name)
        there = "SELECT 1 FROM racks WHERE machine = ? AND zone = ? AND block = ? AND rack = ? AND free > 0"
        return wanted.rack if db.execute(there, place).fetchone() else None
    if wanted.gang is None:
        # A machine of its own is put where least is free, so one row will do.
        return choose_rack(_free(db, wanted, wanted.block, best_only=True), wanted.gang_size, ())
    members = db.execute(
        "SELECT n.zone, n.block, n.rack FROM objects o JOIN nodes n ON n.held_by = o.seq WHERE o.gang = ?",
        (wanted.gang,),
    )
    gang_in = [Rack(zone=zone, block=block, name=rack) for zone, block, rack in members]
    # Where the gang has begun, racks of other blocks matter only once those of its own are full.
    begun = {
        rack.block for rack in gang_in if rack.zone == wanted.zone and wanted.block in {None, rack.block}
    }
    near = {rack: count for block in begun for rack, count in _free(db, wanted, block).items()}
    return choose_rack(near or _free(db, wanted, wanted.block), wanted.gang_size, gang_in)


def _free(
    db: sqlite3.Connection, wanted: Wanted, block: str | None, *, best_only: bool = False
) -> dict[Rack, int]:
    """Free nodes by rack, in this block or in the zone; of all racks, or of the one with fewest."""
    # One text for both would make SQLite walk over the racks of the whole zone.
    where, values = "machine = ? AND zone = ? AND free > 0", [wanted.machine, wanted.zone]
    if block is not None:
        where, values = f"{where} AND block = ?", [*values, block]
    limit = " ORDER BY free, block, rack LIMIT 1" if best_only else ""
    rows = db.execute(f"SELECT zone, block, rack, free FROM racks WHERE {where}{limit}", values)  # noqa: S608 - constants
    return {Rack(zone=zone, block=block, name=rack): count for zone, block, rack, count in rows}


def take(
    db: sqlite3.Connection, rack: Rack, machine: str, seq: int, node: str | None = None
) -> tuple[str, str]:
    """Give a free node of ``rack`` (or this ``node``) to object ``seq``; its name and address."""
    place = (rack.zone, rack.block, rack.name, machine)
    (name, address) = db.execute(
        "UPDATE nodes SET held_by = ? WHERE position = ("
        # By itself SQLite walks over all free nodes of the data centre.
        " SELECT MIN(position) FROM nodes INDEXED BY free_nodes"
        " WHERE zone = ? AND block = ? AND rack = ? AND machine = ?"
        " AND held_by IS NULL AND listed AND (? IS NULL OR name = ?)) RETURNING name, address",
        (seq, *place, node, node),
    ).fetchone()
    db.execute(
        "UPDATE racks SET free = free - 1 WHERE zone = ? AND block = ? AND rack = ? AND machine = ?", place
    )
    return name, address


def release(db: sqlite3.Connection, seq: int) -> None:
    """Take back the node of object ``seq``, if it holds one."""
    row = db.execute(
        "UPDATE nodes SET held_by = NULL WHERE held_by = ? RETURNING zone, block, rack, machine, listed",
        (seq,),
    ).fetchone()
    if row is None:
        return
    *place, listed = row
    if listed:
        db.execute(
            "UPDATE racks SET free = free + 1 WHERE zone = ? AND block = ? AND rack = ? AND machine = ?",
            place,
        )
    else:
        db.execute("DELETE FROM nodes WHERE NOT listed AND held_by IS NULL")


def free(db: sqlite3.Connection) -> dict[Rack, int]:
    """How many listed nodes of each rack nobody holds."""
    rows = db.execute("SELECT zone, block, rack, SUM(free) FROM racks GROUP BY zone, block, rack")
    return {Rack(zone=zone, block=block, name=rack): count for zone, block, rack, count in rows}


def held(db: sqlite3.Connection, lineage: str) -> dict[tuple[bool, str, str, str], int]:
    """How many nodes are held, by whether this owner does, by zone, block and machine type."""
    rows = db.execute(
        "SELECT o.lineage = ?, n.zone, n.block, n.machine, COUNT(*)"
        " FROM nodes n JOIN objects o ON o.seq = n.held_by WHERE n.listed GROUP BY 1, 2, 3, 4",
        (lineage,),
    )
    return {(bool(own), zone, block, machine): count for own, zone, block, machine, count in rows}


def free_names(db: sqlite3.Connection) -> frozenset[str]:
    """The listed nodes that nobody holds, by name."""
    return frozenset(
        name for (name,) in db.execute("SELECT name FROM nodes WHERE listed AND held_by IS NULL")
    )
