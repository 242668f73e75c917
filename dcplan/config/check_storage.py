"""Rules between the storage of providers and the workloads that use it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, did_you_mean, error, listed

if TYPE_CHECKING:
    from dcplan.config.check import Names
    from dcplan.config.document import Document


def storage_is_for_workloads(document: Document, names: Names) -> Iterator[Diagnostic]:
    """``for`` of a provider's storage names workloads of the document.

    Settings are the providers' own; what they do not have in this form they refuse themselves.
    """
    for provider, settings in document.providers.items():
        storage = settings.get("storage")
        for i, one in enumerate(storage if isinstance(storage, list) else ()):
            users = one.get("for") if isinstance(one, dict) else None
            for j, user in enumerate(users if isinstance(users, list) else ()):
                if not isinstance(user, str) or user in names.workloads:
                    continue
                near = did_you_mean(user, names.workloads) or f"There are {listed(sorted(names.workloads))}."
                yield error(
                    "storage-for-nobody",
                    "Storage is for a workload that does not exist",
                    f'No workload is called "{user}". {near} Storage that nobody uses now, and that shall '
                    "stay, has an empty `for`.",
                    path=("providers", provider, "storage", i, "for", j),
                )
