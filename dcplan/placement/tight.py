"""Quotas that may be used up before a plan's machines are started: told, never planned with.

A cloud says how much of a quota is in use, by whomever, at the moment of asking.  What of that is this
state's own is not told, and both change; so it warns, and what the quota is in all is the rule.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from dcplan.diag import Diagnostic, warning

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dcplan.placement.purchase_types import QuotaRule
    from dcplan.placement.types import Assignment


def tight(rules: Iterable[QuotaRule], today: Assignment, wanted: Assignment) -> Iterator[Diagnostic]:
    """A warning for each quota of which less was left than the plan's new machines take."""
    running = Counter(machine.pool for machine in today.machines)
    planned = Counter(machine.pool for machine in wanted.machines)
    for rule in rules:
        more = sum(each * (planned[pool] - running[pool]) for pool, each in rule.each)
        if rule.used is None or more <= 0 or rule.used + more <= rule.at_most:
            continue
        left = max(0, rule.at_most - rule.used)
        detail = (
            f"The plan's new machines take {more:,} {rule.unit} of the quota of {rule.name}. Of its "
            f"{rule.at_most:,}, {rule.used:,} were in use when the provider was asked ({rule.told}), so "
            f"{left:,} were left, and starting may be refused. Refresh if others have gone. {rule.way_out}"
        )
        yield warning("quota-tight", "A quota may be used up", detail.strip(), path=rule.origin, on_key=True)
