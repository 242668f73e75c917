"""Whether a state holds together."""

from __future__ import annotations

import graphlib
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, Diagnostics, error, warning

if TYPE_CHECKING:
    from dcplan.resources import Address
    from dcplan.state.types import State


def check(state: State) -> Diagnostics:
    """What is wrong with it: errors for what cannot be, warnings for what a failed run may leave.

    A need that is not in the state is a warning: a replace that deleted and
    then could not create leaves exactly that, and the next plan mends it.
    """
    found = [*_names(state), *_needs(state)]
    order: dict[Address, list[Address]] = {
        address: [need for need in resource.needs if need in state.resources]
        for address, resource in state.resources.items()
    }
    try:
        graphlib.TopologicalSorter(order).prepare()
    except graphlib.CycleError as cycle:
        path = " needs ".join(str(address) for address in reversed(cycle.args[1]))
        found.append(
            error(
                "state-cycle",
                "Resources need each other in a circle",
                f"In the state, {path}. No order can make or delete them. Restore an earlier state.",
            )
        )
    return tuple(found)


def _names(state: State) -> list[Diagnostic]:
    return [
        error(
            "state-address",
            "A resource stands under another's address",
            f"Under {address} the state holds {resource.address}. Restore an earlier state.",
            address=str(address),
        )
        for address, resource in state.resources.items()
        if address != resource.address
    ]


def _needs(state: State) -> list[Diagnostic]:
    return [
        warning(
            "state-need-missing",
            "A resource needs one that does not exist",
            f"{address} needs {need}, which the state does not hold. The next plan makes it again, or "
            f"changes {address} so that it needs it no more.",
            address=str(address),
        )
        for address, resource in state.resources.items()
        for need in resource.needs
        if need not in state.resources
    ]
