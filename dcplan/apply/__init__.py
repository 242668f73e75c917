"""Apply: make a plan's changes, so that a crash at any moment loses and doubles nothing.

Takes: Plan, State store, providers.       Gives: ApplyReport, events, a State moved on.
Knows: concurrent.futures.                 Never: a decision that is not in the plan.
"""

from dcplan.apply.crash import POINTS, crash_point
from dcplan.apply.execute import execute
from dcplan.apply.fresh import check_fresh
from dcplan.apply.order import Step, order_of
from dcplan.apply.recover import describe_open, recover
from dcplan.apply.types import (
    Acknowledged,
    ApplyOptions,
    ApplyReport,
    ChangeResult,
    Done,
    Event,
    Failed,
    Progress,
    Retry,
    Skipped,
    Started,
    Status,
)

__all__ = [
    "POINTS",
    "Acknowledged",
    "ApplyOptions",
    "ApplyReport",
    "ChangeResult",
    "Done",
    "Event",
    "Failed",
    "Progress",
    "Retry",
    "Skipped",
    "Started",
    "Status",
    "Step",
    "check_fresh",
    "crash_point",
    "describe_open",
    "execute",
    "order_of",
    "recover",
]
