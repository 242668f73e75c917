"""Margins: how far predictions were off where they were checked, and what they were never checked for."""

from __future__ import annotations

from math import exp
from statistics import NormalDist
from typing import TYPE_CHECKING

from dcplan.catalog.efficiency import ANY
from dcplan.diag import plural
from dcplan.perf.numbers import row
from dcplan.sharding.types import Margin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.catalog.efficiency import Efficiencies, Profile
    from dcplan.perf.training import Jobs


STEP = "step"
"""The metric of profiles that judge training steps."""

KEPT = 0.8
"""The chance with which a promise is to be kept."""


def profile_for(
    table: Efficiencies, accelerator: str, software: str, precision: str, metric: str
) -> Profile | None:
    """The judgement nearest to a prediction: of this software, else of any; None when there is none."""
    return table.profile(accelerator, software, precision, metric) or table.profile(
        accelerator, ANY, precision, metric
    )


def spread_of(profile: Profile) -> float:
    """Standard deviation of the logarithm of measured over predicted, told by half of the errors.

    Half of a normal distribution lies within 0.6745 standard deviations.
    """
    return profile.median / NormalDist().inv_cdf(0.75)


def margin_of(profile: Profile | None) -> Margin:
    """What to put on top of a prediction so that eight of ten turn out no slower.

    Two numbers of a profile tell it: ``slow80``, which eight in ten checked runs stayed below, and
    the same quantile of a normal distribution as wide as half of the errors.  Runs of one model err
    alike, and a profile holds few models, so that either may be small by chance: the larger counts.
    (Of 2,027 runs of models that were in no profile 72 % stayed below the first, 81 % below the larger.)
    A prediction is never made faster.  Without a profile nothing is added: no number would have a source,
    and the prediction is said to be assumed.
    """
    if profile is None:
        return Margin(
            factor=1.0,
            reason=f"assumed to be none: {NEVER_CHECKED}",
        )
    where = "any hardware" if profile.accelerator == ANY else profile.accelerator
    kinds = f"{plural(profile.rows, 'run')} of {plural(profile.groups, 'kind')}"
    rows = f"{kinds} on {where} with {profile.software}"
    return Margin(
        factor=max(profile.slow80, exp(NormalDist().inv_cdf(KEPT) * spread_of(profile))),
        reason=f"eight of ten runs are expected to stay below it, as errors were in {rows}, {profile.date}",
    )


NEVER_CHECKED = "predictions for this hardware and software were never checked"


def step_notes(profile: Profile | None, jobs: Jobs) -> tuple[str, ...]:
    """What the step of ``jobs``, which have one layout, goes beyond; that nobody checked counts as such."""
    if profile is None:
        return (NEVER_CHECKED,)
    layout = jobs.layouts.one(0)
    facts = {
        "devices": float(jobs.layouts.devices[0]),
        "sequence_tokens": row(jobs.sequence, 0),
        "global_batch_sequences": row(jobs.global_batch, 0),
        "tensor": layout.tensor,
        "pipeline": layout.pipeline,
        "expert": layout.expert,
        "context": layout.context,
        "micro_batch": layout.micro_batch,
    }
    return not_covered(profile, facts)


def not_covered(profile: Profile | None, facts: Mapping[str, float]) -> tuple[str, ...]:
    """What of a prediction lies outside what its profile was checked on, in words; nothing without a profile.

    ``facts`` by the names of the profile's range (devices, tensor,
    prompt_tokens...); what either does not have is left out.
    """
    if profile is None:
        return ()
    return tuple(
        f"outside what the profile covers: {name.replace('_', ' ')} {facts[name]:,.4g} "
        f"({low:,.5g} to {high:,.5g} measured)"
        for name, (low, high) in profile.range.items()
        if name in facts and not low <= facts[name] <= high
    )
