"""Apply: make a plan's changes, so that a crash at any moment loses and doubles nothing.

Takes: Plan, State store, providers.       Gives: ApplyReport, events, a State moved on.
Knows: concurrent.futures.                 Never: a decision that is not in the plan.
"""

from dcplan.apply.crash import POINTS, crash_point
from dcplan.apply.execute import execute
from dcplan.apply.fresh import MAX_AGE_S, check_age, check_first, check_fresh, check_made_since
from dcplan.apply.notes import after_notes, make_notes
from dcplan.apply.order import Step, order_of
from dcplan.apply.recover import recover
from dcplan.apply.types import (
    Acknowledged,
    ApplyOptions,
    ApplyReport,
    CapacityAttempt,
    ChangeResult,
    Done,
    Event,
    Failed,
    Failover,
    IntentRecorded,
    IntentResolved,
    LockAcquired,
    LockWaiting,
    OnError,
    Progress,
    Retry,
    Skipped,
    Started,
    Status,
)
from dcplan.apply.ways import Prospect, Way, describe_open

__all__ = [
    "MAX_AGE_S",
    "POINTS",
    "Acknowledged",
    "ApplyOptions",
    "ApplyReport",
    "CapacityAttempt",
    "ChangeResult",
    "Done",
    "Event",
    "Failed",
    "Failover",
    "IntentRecorded",
    "IntentResolved",
    "LockAcquired",
    "LockWaiting",
    "OnError",
    "Progress",
    "Prospect",
    "Retry",
    "Skipped",
    "Started",
    "Status",
    "Step",
    "Way",
    "after_notes",
    "check_age",
    "check_first",
    "check_fresh",
    "check_made_since",
    "crash_point",
    "describe_open",
    "execute",
    "make_notes",
    "order_of",
    "recover",
]
