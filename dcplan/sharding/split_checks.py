"""Where prompts can be computed apart at all: with engines that hand caches over, and answers to decode."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.catalog.formats import handovers
from dcplan.demand.types import Disaggregated
from dcplan.diag import Diagnostic, error, listed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.demand.types import ServeDemand
    from dcplan.sharding.types import MachineClass

CODE, SUMMARY = "not-disaggregated", "Prompts cannot be computed apart"


def hands_over(engine: str, machines: MachineClass) -> bool:
    """Whether the engine is known to hand caches from worker to worker on this hardware."""
    return machines.accelerator.vendor in handovers().get(engine, frozenset())


def decodes(demand: ServeDemand) -> bool:
    """Whether answers have tokens beyond the first, which prefill workers give."""
    return demand.output_tokens.mean > 1


def hands_over_checked(demand: ServeDemand, classes: Sequence[MachineClass]) -> tuple[Diagnostic, ...]:
    """What keeps a workload from having workers of both kinds on all of these machines."""
    path = (*demand.origin, "disaggregated")
    out = []
    if not decodes(demand):
        detail = (
            f'Answers of "{demand.name}" have {demand.output_tokens.mean:g} tokens, and the first comes with '
            "the prompt: there is nothing left to decode. Let replicas do both (disaggregated: never)."
        )
        out.append(error(CODE, SUMMARY, detail, path=path))
    chips = {one.accelerator.name: one for one in classes}
    lacking = [name for name, one in chips.items() if not hands_over(demand.software, one)]
    if lacking:
        others = [
            engine
            for engine in handovers()
            if engine != demand.software and all(hands_over(engine, chips[name]) for name in lacking)
        ]
        way_out = f"{listed(others, last='or')} would, or let replicas do both (disaggregated: never)."
        detail = (
            f"As far as is known, {demand.software} does not hand the caches of prompts from one worker to "
            f"another on {listed(lacking, last='or')}. "
            f"{way_out if others else 'Let replicas do both (disaggregated: never).'}"
        )
        out.append(error(CODE, SUMMARY, detail, path=path))
    vendors = {one.accelerator.vendor for one in classes}
    if len(vendors) > 1 and not lacking:
        detail = (
            f"Nobody is known to hand caches from {listed(sorted(vendors))} hardware to each other. Choose "
            "accelerators of one vendor for both phases."
        )
        out.append(error(CODE, SUMMARY, detail, path=path))
    return tuple(out)


def apart_at_all(demand: ServeDemand, classes: Sequence[MachineClass]) -> tuple[Diagnostic, ...]:
    """The errors where prompts must be computed apart and can be on none of these machines.

    Where they only may be, replicas that do both are left and nothing is wrong.
    """
    if demand.disaggregated is not Disaggregated.ALWAYS:
        return ()
    able = [one for one in classes if hands_over(demand.software, one)]
    return hands_over_checked(demand, able[:1] or classes)
