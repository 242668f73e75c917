"""One ranking of aggregated and disaggregated serving on so many accelerators."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.demand.types import Disaggregated
from dcplan.diag import Diagnostic, Result, Severity
from dcplan.sharding.best_serving import best_serving_layouts
from dcplan.sharding.disaggregate import best_disaggregated_layouts
from dcplan.sharding.front import front_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.catalog.efficiency import Efficiencies
    from dcplan.catalog.types import Model
    from dcplan.sharding.filling import ServingLayout
    from dcplan.sharding.filling_units import DisaggregatedLayout
    from dcplan.sharding.serving_question import ServingQuestion
    from dcplan.sharding.types import MachineClass, Search


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingRanking:
    """The best of both kinds, and where all the others went."""

    layouts: tuple[ServingLayout | DisaggregatedLayout, ...]
    """Most output tokens/s of an accelerator first."""
    front: tuple[ServingLayout | DisaggregatedLayout, ...]
    """What no other beats in throughput, time of a request and memory slack at once, most throughput first.

    Of replicas a few that stand for all, of units those with the most throughput.
    """
    aggregated: Search | None
    """None: not looked at, or nothing was found."""
    disaggregated: Search | None


def ranked_serving_layouts(  # noqa: PLR0913 - what is asked, of what, and with which figures
    model: Model,
    machines: MachineClass,
    devices: int,
    question: ServingQuestion,
    *,
    which: Disaggregated = Disaggregated.AUTO,
    prefill: MachineClass | None = None,
    top: int = 10,
    table: Efficiencies | None = None,
) -> Result[ServingRanking]:
    """Replicas that do everything (``never``), units of prefill and decode workers (``always``), or both.

    ``prefill``: other machines for the prefill workers of units; ``devices``
    counts both.  With ``auto`` one kind is enough; where neither keeps the SLA
    the errors are those of replicas; where only units do not and ``prefill`` was
    given, why is a warning.  Errors: those of ``best_serving_layouts``
    and ``best_disaggregated_layouts``.
    """
    aggregated, apart = None, None
    wrong: tuple[Diagnostic, ...] = ()
    lacking: tuple[Diagnostic, ...] = ()
    if which is not Disaggregated.ALWAYS:
        whole = best_serving_layouts(model, machines, devices, question, top=top, table=table)
        aggregated, wrong = whole.value, whole.diagnostics
    # What is wrong with the question itself, the second search would say again.
    if which is not Disaggregated.NEVER and all(one.code == "no-layout" for one in wrong):
        units = best_disaggregated_layouts(
            model, prefill or machines, machines, devices, question, top=top, table=table
        )
        apart, lacking = units.value, units.diagnostics
    layouts: list[ServingLayout | DisaggregatedLayout] = [
        *(aggregated.layouts if aggregated else ()),
        *(apart.layouts if apart else ()),
    ]
    if not layouts:
        return Result(None, wrong or lacking)
    layouts.sort(key=lambda one: -one.output_tokens_per_s_per_device)
    ranking = ServingRanking(
        layouts=tuple(layouts[:top]),
        front=_front([*(aggregated.front if aggregated else ()), *(apart.layouts if apart else ())]),
        aggregated=aggregated.search if aggregated else None,
        disaggregated=apart.search if apart else None,
    )
    # Who names hardware for prompts is told why it stays unused.
    told = tuple(replace(one, severity=Severity.WARNING) for one in lacking) if prefill else ()
    return Result(ranking, told)


def _front(
    layouts: Sequence[ServingLayout | DisaggregatedLayout],
) -> tuple[ServingLayout | DisaggregatedLayout, ...]:
    """Those of both kinds that none of the others beats, most throughput first."""
    rows = front_rows(
        np.array([one.output_tokens_per_s_per_device for one in layouts]),
        np.array([-one.request_s for one in layouts]),
        np.array([one.memory_slack_bytes for one in layouts]),
    )
    return tuple(sorted((layouts[at] for at in rows), key=lambda one: -one.output_tokens_per_s_per_device))
