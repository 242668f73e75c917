"""``lifecycle`` of a workload: what may not happen to its resources, and how it happens otherwise."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Tag

from dcplan.config.strict import Strict
from dcplan.config.values import Many

DECIDED = frozenset(
    {
        "workload",
        "machines",
        "devices",
        "prefill_machines",
        "prefill_devices",
        "standby",
        "machine",
        "region",
        "zone",
        "block",
        "purchase",
        "pool",
        "rack",
        "gang",
        "exclusive_to",
        "members",
        "runs",
        "groups",
        "at_least",
    }
)
"""Attributes that say where things run: the plan decides them, so nobody may ignore them."""

DECIDED_SETTINGS = frozenset(
    {
        "choice",
        "model",
        "variant",
        "precision",
        "engine",
        "framework",
        "layout",
        "workers",
        "prefill",
        "rank_order",
    }
)
"""Settings of a replica that follow from where and how it runs."""


def _ignored_form(value: object) -> str:
    """Which of the two ways it is written: the word for everything, or a list."""
    return "all" if isinstance(value, str) else "some"


Ignored = Annotated[
    Annotated[Many[str], Tag("some")] | Annotated[Literal["all"], Tag("all")], Discriminator(_ignored_form)
]
"""Names of attributes, or ``all``."""


class LifecycleSpec(Strict):
    """Rules for the resources of one workload, and for the machines that it has to itself."""

    prevent_destroy: bool | None = None
    """true: a plan that destroys any of them, or replaces it, is an error, also once the workload is taken
    out; false lifts that; left out, what the state remembers holds."""
    ignore_changes: Ignored = ()
    """Attributes that others set, such as ``settings.max_sequences``: not changed in what exists."""
    create_before_destroy: bool = False
    """What is replaced goes after its successor has taken over; needs more machines for a while."""
    on_remove: Literal["destroy", "forget"] = "destroy"
    """What becomes of them when the workload is taken out of the document."""

    def ignores(self, attribute: str) -> bool:
        """Whether changes of this whole attribute are ignored."""
        return self.ignore_changes == "all" or attribute in self.ignore_changes


AS_USUAL = LifecycleSpec.model_construct()
"""No rules.  Not ``LifecycleSpec()``, which would build a validator at import."""
