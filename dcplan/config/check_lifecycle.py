"""Rules between the keys of ``lifecycle``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.config.lifecycle_spec import DECIDED, DECIDED_SETTINGS
from dcplan.diag import Diagnostic, error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dcplan.config.check import Names
    from dcplan.config.document import Document


def rules_do_not_contradict(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """What is never replaced needs no way of replacing it, and a job cannot run twice."""
    for name, workload in document.workloads.items():
        rules, path = workload.lifecycle, ("workloads", name, "lifecycle", "create_before_destroy")
        if not rules.create_before_destroy:
            continue
        if rules.prevent_destroy:
            detail = (
                "prevent_destroy refuses every replacement, so create_before_destroy never comes to pass. "
                "Keep one of the two."
            )
            yield error("lifecycle-contradicts", "Lifecycle rules contradict each other", detail, path=path)
        if workload.kind == "train":
            detail = (
                "Two copies of one training job would write the same checkpoints. Leave it out: a job that "
                "is replaced stops first and goes on from its last checkpoint."
            )
            yield error("lifecycle-contradicts", "Lifecycle rules contradict each other", detail, path=path)


def what_is_ignored_is_others_to_set(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """Where and how things run is what a plan is about."""
    for name, workload in document.workloads.items():
        ignored = workload.lifecycle.ignore_changes
        seen: set[str] = set()
        for i, attribute in enumerate(ignored if ignored != "all" else ()):
            path = ("workloads", name, "lifecycle", "ignore_changes", i)
            first, _, rest = attribute.partition(".")
            if first in DECIDED or (first == "settings" and rest.partition(".")[0] in DECIDED_SETTINGS):
                detail = (
                    f'"{attribute}" says where or how the workload runs, which the plan decides. Ignored can '
                    "be what others set, such as settings.max_sequences. To keep a place, write "
                    "constraints.pin."
                )
                yield error("ignores-a-decision", "A decision cannot be ignored", detail, path=path)
            if attribute in seen:
                detail = f'"{attribute}" is there twice. Keep one.'
                yield error("ignored-twice", "An attribute is ignored twice", detail, path=path)
            seen.add(attribute)


LIFECYCLE_RULES: tuple[Callable[[Document, Names], Iterator[Diagnostic]], ...] = (
    rules_do_not_contradict,
    what_is_ignored_is_others_to_set,
)
