"""``machine_groups`` of providers name workloads that there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, did_you_mean, error, listed

if TYPE_CHECKING:
    from dcplan.config.check import Names
    from dcplan.config.document import Document


def groups_have_workloads(document: Document, names: Names) -> Iterator[Diagnostic]:
    """Each group is of a workload; what else is wrong with it, its provider tells."""
    for provider, settings in document.providers.items():
        groups = settings.get("machine_groups")
        for i, group in enumerate(groups if isinstance(groups, list | tuple) else ()):
            name = group.get("workload") if isinstance(group, dict) else None
            if isinstance(name, str) and name not in names.workloads:
                there = did_you_mean(name, names.workloads) or f"There are {listed(sorted(names.workloads))}."
                yield error(
                    "group-workload",
                    "A group is of no workload",
                    f'There is no workload "{name}". {there}',
                    path=("providers", provider, "machine_groups", i, "workload"),
                )
