"""Collectives of the kernels' calibration: from a row to the links that its devices had between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from dcplan.basis import Basis
from dcplan.diag import Result, plural, warning
from dcplan.perf import Wires, wires_of
from dcplan.perf.collectives import all_gather_s, all_reduce_s, all_to_all_s, inside_domain, send_s
from dcplan.topology import Link, PoolLinks

if TYPE_CHECKING:
    from dcplan.calibrate.types import CollectiveRow
    from dcplan.catalog import Accelerator
    from dcplan.catalog.efficiency import Efficiency
    from dcplan.perf.numbers import Num

Array: TypeAlias = npt.NDArray[np.float64]

OPERATIONS: dict[str, Callable[[Num, Num, Num, Wires], Num]] = {
    "all_reduce": all_reduce_s,
    "all_gather": all_gather_s,
    "reduce_scatter": all_gather_s,
    "all_to_all": all_to_all_s,
}
"""The formula of each operation; a reduce-scatter moves what an all-gather moves."""


def collective_block(
    accelerator: Accelerator, rows: list[CollectiveRow], file: str
) -> Result[Callable[[Efficiency], Array]]:
    """What predicts these rows, which are of one operation between the same devices."""
    first = rows[0]
    links = _links(accelerator, first)
    if links is None:
        detail = (
            f"{plural(len(rows), 'row')} of {file}, the first in line {first.line}: they go between "
            f"{plural(first.machines, 'machine')}, and the column network_bytes_per_s (of one machine, per "
            "direction) is empty, so nobody can tell what share of the network was reached."
        )
        return Result(None, (warning("no-network", "Some measurements are left out", detail),))
    size = np.array([row.bytes for row in rows], dtype=np.float64)

    def block(efficiency: Efficiency) -> Array:
        wires = wires_of(links, efficiency, first.fabric)
        if first.operation == "send":
            distance = 1 if links.scale_up_domain > 1 else first.ranks
            return np.asarray(send_s(size, distance, wires))
        inside = inside_domain(first.ranks, 1, wires)
        return np.asarray(OPERATIONS[first.operation](size, first.ranks, inside, wires))

    return Result(block)


def _links(accelerator: Accelerator, row: CollectiveRow) -> PoolLinks | None:
    """The links of a row, or None where a fact about them is missing.

    Several machines without a network of their own are joined by scale-up links,
    if those reach that far (NVL72, TPU pods).
    """
    from dcplan.topology.build import NODE_LATENCY_S  # noqa: PLC0415 - networkx is slow to import

    own = row.ranks // row.machines
    domain, network = row.ranks, 0.0
    if row.machines > 1 and row.network_bytes_per_s is not None:
        domain, network = own, row.network_bytes_per_s / own
    elif row.machines > 1 and row.ranks > accelerator.scale_up_domain:
        return None
    return PoolLinks(
        pool="measured",
        scale_up_domain=domain,
        scale_up=Link(bytes_per_s=accelerator.scale_up_bytes_per_s, latency_s=0.0, basis=Basis.MEASURED),
        scale_out=Link(
            # Nothing leaves the domain then; any rate does.
            bytes_per_s=network or accelerator.scale_up_bytes_per_s,
            latency_s=NODE_LATENCY_S,
            basis=Basis.MEASURED,
        ),
    )
