"""Making the world file the data centre of an inventory."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from dcplan.provider.errors import Invalid
from dcplan.provider.local import faults, nodes

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from dcplan.provider.local.expand import Inventory
    from dcplan.provider.local.faults import Fault
    from dcplan.provider.local.world import LocalWorld


def realise(world: LocalWorld, inventory: Inventory, orders: Sequence[Fault] = ()) -> None:
    """Make ``world`` the data centre of ``inventory``; Invalid when it is another one's.

    Ordered faults that are in the world already keep their counts; those that
    are no longer ordered are off.
    """
    origins = {_digest([index, repr(fault)]): fault for index, fault in enumerate(orders)}
    digest = _digest([[n.name, n.machine, n.address] for n in inventory.nodes])

    def work(db: sqlite3.Connection) -> None:
        meta = dict(db.execute("SELECT key, value FROM meta"))
        if meta.get("datacenter", inventory.name) != inventory.name:
            msg = (
                f"The world file {world.path} holds the data centre {meta['datacenter']}, not "
                f"{inventory.name}. Give each data centre its own `world`."
            )
            raise Invalid(msg)
        db.execute("INSERT OR IGNORE INTO meta VALUES ('datacenter', ?)", (inventory.name,))
        if meta.get("nodes") != digest:
            nodes.stand(db, inventory.nodes)
            db.execute("INSERT OR REPLACE INTO meta VALUES ('nodes', ?)", (digest,))
        wanted = json.dumps(list(origins))
        db.execute(
            "DELETE FROM faults WHERE origin IS NOT NULL AND origin NOT IN (SELECT value FROM json_each(?))",
            (wanted,),
        )
        for origin, fault in origins.items():
            faults.add(db, fault, origin)

    world.write(work)


def _digest(value: object) -> str:
    """sha256 of a JSON value."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()
