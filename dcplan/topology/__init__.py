"""Topology: who is near whom, and how much fits through between them.

Takes: the catalogue's machines, the offerings, what providers know of racks.
Gives: Topology, with cut queries.
Knows: networkx.       Never: workloads, prices.
"""

from dcplan.topology.types import Link, PoolLinks

__all__ = ["Link", "PoolLinks"]
