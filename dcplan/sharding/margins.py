"""Margins: how far predictions were off where they were checked, and what they were never checked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.catalog.efficiency import ANY
from dcplan.sharding.types import Margin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.catalog.efficiency import Efficiencies, Profile


def profile_for(
    table: Efficiencies, accelerator: str, software: str, precision: str, metric: str
) -> Profile | None:
    """The judgement nearest to a prediction: of this software, else of any; None when there is none."""
    return table.profile(accelerator, software, precision, metric) or table.profile(
        accelerator, ANY, precision, metric
    )


def margin_of(profile: Profile | None) -> Margin:
    """What to put on top of a prediction so that eight of ten turn out no slower.

    The factor is ``slow80``: measured over predicted that eight in ten rows
    stayed below which were not fitted.  It never makes a prediction faster.
    Without a profile nothing is added: no number would have a source, and the
    prediction is said to be assumed.
    """
    if profile is None:
        return Margin(
            factor=1.0,
            reason="assumed to be none: predictions for this hardware and software were never checked",
        )
    where = "any hardware" if profile.accelerator == ANY else profile.accelerator
    rows = f"{profile.rows} runs of {profile.groups} kinds on {where} with {profile.software}"
    return Margin(
        factor=max(1.0, profile.slow80),
        reason=f"eight of ten checked predictions stayed below it: {rows}, {profile.date}",
    )


def not_covered(profile: Profile | None, facts: Mapping[str, float]) -> tuple[str, ...]:
    """What of a prediction lies outside what its profile was checked on, in words; nothing without a profile.

    ``facts`` by the names of the profile's range (devices, tensor,
    prompt_tokens...); what either does not have is left out.
    """
    if profile is None:
        return ()
    return tuple(
        f"outside what the profile covers: {name} {facts[name]:,.6g} ({low:,.6g} to {high:,.6g} measured)"
        for name, (low, high) in profile.range.items()
        if name in facts and not low <= facts[name] <= high
    )
