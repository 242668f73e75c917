"""``checks``, ``preconditions`` and ``postconditions``: what shall be true of a plan and of what it makes."""

from __future__ import annotations

from pydantic import Field

from dcplan.config.strict import Name, Strict


class CheckSpec(Strict):
    """Something that should be true; when it is not, plan and apply warn and go on."""

    name: Name
    assert_: str = Field(alias="assert", min_length=1)
    """A condition in CEL over ``plan`` and ``workloads``."""
    message: str = Field(min_length=1)
    """What to tell when it fails."""


class ConditionSpec(Strict):
    """Something that must be true; when it is not, the command ends with an error."""

    condition: str = Field(min_length=1)
    """A condition in CEL; its names depend on where it stands."""
    message: str = Field(min_length=1)
    """What to tell when it fails."""


PLAN_FIELDS = frozenset(
    {
        "project",
        "mode",
        "usd_per_h",
        "usd_per_month",
        "before_usd_per_h",
        "egress_usd_per_h",
        "power_w",
        "kgco2_per_h",
        "machines",
        "devices",
        "unchanged",
        "counts",
        "changes",
        "left_out",
        "regions",
    }
)
"""Of ``plan`` in a condition."""

WORKLOAD_FIELDS = frozenset(
    {
        "name",
        "kind",
        "model",
        "replicas",
        "machines",
        "devices",
        "devices_per_replica",
        "accelerator",
        "precision",
        "usd_per_h",
        "usd_per_month",
        "usd_for_job",
        "egress_usd_per_h",
        "regions",
        "pools",
        "predicted",
        "utilisation",
        "duration_s",
        "endpoint",
        "addresses",
    }
)
"""Of ``workload``, and of each entry of ``workloads``."""

LATER_FIELDS = frozenset({"endpoint", "addresses"})
"""Those that are known only once what they are of exists."""
