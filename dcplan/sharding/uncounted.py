"""What a document may say of serving and predictions do not count yet: said, never passed over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.demand.types import Disaggregated
from dcplan.diag import Diagnostic, error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.demand.types import ServeDemand


def uncounted(demand: ServeDemand) -> Iterator[Diagnostic]:
    """A warning for what would make serving faster than is predicted, an error for what must be predicted."""
    if demand.disaggregated is Disaggregated.AUTO:
        detail = "Only replicas that compute prompts and decode on the same devices are looked at."
        yield _slower(demand, "disaggregated", detail)
    if demand.disaggregated is Disaggregated.ALWAYS:
        yield error(
            "not-predicted",
            "Disaggregated serving is not predicted",
            f'"{demand.name}" must compute prompts on machines of their own, for which this version of '
            "dcplan has no prediction. Say disaggregated: never to plan replicas that do both.",
            path=(*demand.origin, "disaggregated"),
        )


def _slower(demand: ServeDemand, key: str, detail: str) -> Diagnostic:
    """Something that would help is left out, so that the plan is on the safe side."""
    return warning(
        "not-counted",
        "A key is not counted in predictions",
        f'{detail} "{demand.name}" may need less hardware than planned.',
        path=(*demand.origin, key),
    )
