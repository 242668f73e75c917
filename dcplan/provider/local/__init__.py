"""The local data centre: the embedded provider, and the way to plan an existing inventory.

Takes: settings with the path of an inventory (YAML).       Gives: a Provider, named by the entry point.
Knows: SQLite.                                              Never: a network, a real machine.

Racks, nodes, links and prices come from the inventory; what has been made of
them exists in a SQLite file, apart from dcplan's state, and can be made to fail.
"""

from dcplan.provider.local.datacenter import Behaviour, LocalProvider
from dcplan.provider.local.factory import load_inventory, provider
from dcplan.provider.local.faults import Call, Fault, FaultKind
from dcplan.provider.local.world import LocalWorld

__all__ = [
    "Behaviour",
    "Call",
    "Fault",
    "FaultKind",
    "LocalProvider",
    "LocalWorld",
    "load_inventory",
    "provider",
]
