"""Make the changes of a plan, and no others."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from dcplan.apply.detours import Detours
from dcplan.apply.engine import Engine
from dcplan.apply.rollback import roll_back
from dcplan.apply.setting import Setting
from dcplan.apply.types import ApplyOptions, ApplyReport, Event, Failover, OnError, Status
from dcplan.apply.walk import Walk
from dcplan.diag import Result
from dcplan.resources import Action, Address, Change
from dcplan.state import StateError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from dcplan.plan.fallbacks import Fallback
    from dcplan.provider import Provider
    from dcplan.state import StateStore

_CUT_SHORT = {Status.IN_PROGRESS, Status.NOT_STARTED}


def execute(  # noqa: PLR0913 - everything it meets is handed in, so that tests can
    changes: Iterable[Change],
    *,
    planned: Sequence[Change] = (),
    fallbacks: Sequence[Fallback] = (),
    kept: Collection[Address] = (),
    store: StateStore,
    providers: Mapping[str, Provider],
    run_id: str,
    options: ApplyOptions | None = None,
    report: Callable[[Event], None] = lambda _: None,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.time,
    steady: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Result[ApplyReport]:
    """Make these changes at their providers, and say what came of each.

    Call it under the store's lease, after ``recover``.  Steps that do not depend on each other run side by
    side; what depends on a failure is skipped, the rest goes on.  An address with an unresolved operation
    is left alone.  Once ``stop`` is set nothing more is started, waits end, calls under way finish; the
    value then says ``interrupted``, and the journal holds what is in progress.

    ``fallbacks`` say where else new machines may be had; ``planned`` are all changes of the plan that both
    are of; ``kept`` are machines that stay unless all that is bought is there.  The value is always there;
    ``ok`` when nothing failed.  What follows a failure, the options say.
    """
    stopped = stop or threading.Event()
    chosen = options or ApplyOptions()
    wanted = tuple(change for change in changes if change.action is not Action.NOOP)
    setting = Setting(
        store=store,
        providers=providers,
        options=chosen,
        report=report,
        stop=stopped.is_set,
        clock=clock,
        steady=steady,
        sleep=sleep,
        run_id=run_id,
    )
    detours = None
    if fallbacks and chosen.failover is not Failover.NEVER:
        detours = Detours(fallbacks, planned or wanted, wanted, store.read().resources)
    walk = Walk(wanted, store.open_operations(), detours=detours, on_error=chosen.on_error, kept=kept)
    engine = Engine(setting, walk)
    engine.run()
    results, said = walk.results(), [*walk.problems, *engine.problems]
    if walk.failed and chosen.on_error is OnError.ROLLBACK_NEW and not stopped.is_set():
        undone = roll_back(wanted, engine.made - _replaced(planned), setting)
        results, said = undone.applied_to(results), [*said, *undone.problems]
    with contextlib.suppress(StateError):  # It is only tidying up; why it cannot write was told above.
        store.compact()
    value = ApplyReport(
        results=results,
        interrupted=stopped.is_set() and any(r.status in _CUT_SHORT for r in results),
        serial=store.read().serial,
        sold_out=tuple(sorted(engine.ledger.refused)),
    )
    return Result(value, tuple(said))


def _replaced(planned: Iterable[Change]) -> set[Address]:
    """What was there before.  Of a replace that was cut short, only the create is left to be made."""
    return {change.address for change in planned if change.action is Action.REPLACE}
