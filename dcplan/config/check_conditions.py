"""Each condition of the document can be read, and names what exists."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dcplan.config.checks_spec import PLAN_FIELDS, WORKLOAD_FIELDS
from dcplan.config.expressions import check_condition
from dcplan.diag import Diagnostic, error

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from dcplan.config.check import Names
    from dcplan.config.document import Document

_ENTRIES = {"workloads": WORKLOAD_FIELDS}


def conditions_can_be_asked(document: Document, names: Names) -> Iterator[Diagnostic]:
    """Syntax and names of all conditions; what they ask about is known only in a plan."""
    everywhere: dict[str, Collection[str] | None] = {"plan": PLAN_FIELDS, "workloads": names.workloads}
    own: Mapping[str, Collection[str] | None] = {**everywhere, "workload": WORKLOAD_FIELDS}
    for i, check in enumerate(document.checks):
        yield from check_condition(check.assert_, ("checks", i, "assert"), everywhere, _ENTRIES)
    for name, workload in document.workloads.items():
        for key, rules in (
            ("preconditions", workload.preconditions),
            ("postconditions", workload.postconditions),
        ):
            for i, rule in enumerate(rules):
                path = ("workloads", name, key, i, "condition")
                yield from check_condition(rule.condition, path, own, _ENTRIES)


def checks_have_names(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """No two checks of one name: their results would be mixed up."""
    counts = Counter(check.name for check in document.checks)
    for i, check in enumerate(document.checks):
        if counts[check.name] > 1:
            detail = f'Two checks are called "{check.name}". Give each a name of its own.'
            yield error("check-twice", "Two checks have one name", detail, path=("checks", i, "name"))


CONDITION_RULES: tuple[Callable[[Document, Names], Iterator[Diagnostic]], ...] = (
    conditions_can_be_asked,
    checks_have_names,
)
