"""Run a measurement: a first short try, then the sizes that fit the time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from dcplan.diag import Diagnostic, Diagnostics, Result, error, plural, warning
from dcplan.measure import sizes
from dcplan.measure.backend import Backend, OutOfMemoryError, UnsupportedError
from dcplan.measure.choose import Group, collective_budget_s, groups
from dcplan.measure.names import accelerator_name
from dcplan.measure.timing import time_job
from dcplan.measure.types import (
    PRECISIONS,
    Attention,
    Case,
    Gemm,
    Launch,
    LeftOut,
    Measured,
    Row,
    Speeds,
    Stream,
    Timing,
)

Progress = Callable[[str], None]

LONG_S = 0.05
"""So long a product ends the try even if it is a small one, which a busy machine may make slow for once."""
TRY_COPIES = 8
EMULATED = 0.01
"""Of the fastest precision's speed: whatever is slower is calculated number by number, which says nothing."""
TRIES = 3
"""Of which the fastest counts: on a busy machine others get in between."""
TRY_SIDES = (128, 256, 512, 1024, 2048, 4096)
ENOUGH_S = 1e-3
"""A product that takes so long shows roughly what the device can do."""
TRY_BYTES = 2**24
LAUNCH_S = 1.0
"""Patience with the smallest of operations."""
TOO_SLOW = "even its smallest size is too large for this time; give more with -seconds"
NO_TIME = "the time was over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How long to measure, and among how many."""

    total_s: float = 30.0
    """For everything after start-up, roughly."""
    case_s: float = 0.03
    """For one case, unless a few calls take longer."""
    ranks: int | None = None
    """Processes of collectives; None: one for each device, which on a CPU is one and so none at all."""


QUICK = Settings(total_s=4.0, case_s=0.01)


def measure(  # noqa: PLR0913 - what is put into every row, and what tests replace
    backend: Backend,
    settings: Settings,
    *,
    date: str,
    source: str,
    progress: Progress,
    clock: Callable[[], float] = time.perf_counter,
) -> Result[Measured]:
    """Everything that ``backend`` can be timed on within the time of ``settings``.

    ``date`` (ISO) and ``source`` are put into every row.  A size that finds no
    memory is passed over with a warning.  An error when nothing at all worked.
    """
    device = backend.device
    ranks = settings.ranks or device.count
    run = _Run(backend=backend, progress=progress, clock=clock, rows=[], left_out=[], full=Counter())
    progress(f"trying out {device.name}")
    speeds = run.try_out()
    if speeds is None:
        return Result(None, (_nothing(run.left_out),))
    chosen = groups(device, speeds, total_s=settings.total_s, case_s=settings.case_s, ranks=ranks)
    launches = Group(name="launch", cases=(Launch(),), foreseen_s=(0.0,), budget_s=LAUNCH_S)
    for group in (launches, *chosen):
        run.group(group, settings.case_s)
    run.collectives(ranks, collective_budget_s(chosen, settings.total_s))
    backend.release()
    measured = Measured(
        device=device,
        accelerator=accelerator_name(device.name, device.kind),
        software=backend.software,
        version=backend.version,
        date=date,
        source=source,
        rows=tuple(run.rows),
        left_out=tuple(run.left_out),
    )
    return Result(measured, run.warnings())


@dataclass(slots=True)
class _Run:
    """What one run gathers."""

    backend: Backend
    progress: Progress
    clock: Callable[[], float]
    rows: list[Row]
    left_out: list[LeftOut]
    full: Counter[str]
    """How many sizes of each group found no memory."""

    def try_out(self) -> Speeds | None:
        """Roughly how fast the device is in each precision that it has; None when it can do nothing."""
        flops = {}
        for precision in PRECISIONS:
            try:
                flops[precision] = self._try_precision(precision)
            except (OutOfMemoryError, UnsupportedError) as problem:
                self.left_out.append(LeftOut(what=precision, why=str(problem)))
        for precision in [p for p in flops if flops[p] < EMULATED * max(flops.values())]:
            del flops[precision]
            self.left_out.append(LeftOut(what=precision, why="it is only emulated here"))
        try:
            copy = self.backend.prepare(Stream(moved_bytes=TRY_BYTES))
            copy(1)
            copied_s = max(min(copy(TRY_COPIES) for _ in range(TRIES)), 1e-9)
        except (OutOfMemoryError, UnsupportedError) as problem:
            self.left_out.append(LeftOut(what="memory", why=str(problem)))
            return None
        if not flops:
            return None
        attention = tuple(
            p for p in ("bf16", "fp16", "fp32") if p in flops and self._works(p, backward=False)
        )
        return Speeds(
            flops=flops,
            bytes_per_s=TRY_BYTES / copied_s,
            attention=attention,
            backward=bool(attention) and all(self._works(p, backward=True) for p in attention),
        )

    def _try_precision(self, precision: str) -> float:
        """FLOP/s of square products, larger ones until one takes long enough to tell."""
        best = 0.0
        for side in TRY_SIDES:
            case = Gemm(precision=precision, m=side, n=side, k=side)
            job = self.backend.prepare(case)
            job(1)
            once_s = min(job(1) for _ in range(TRIES))
            best = max(best, case.flops / max(once_s, 1e-9))
            if once_s >= (ENOUGH_S if side > TRY_SIDES[1] else LONG_S):
                break
        return best

    def _works(self, precision: str, *, backward: bool) -> bool:
        """Whether a small attention can be run."""
        case = Attention(
            precision=precision, batch=1, heads=2, kv_heads=1, head_dim=64, length=64, queries=64,
            causal=True, backward=backward,
        )  # fmt: skip
        try:
            self.backend.prepare(case)(1)
        except (OutOfMemoryError, UnsupportedError):
            return False
        return True

    def group(self, group: Group, case_s: float) -> None:
        """Time the cases of one group, in order, that its time suffices for; rows are kept in order of size.

        How much slower than foreseen it goes is learned on the way, for sizes
        in and out of a cache, or a machine that others use, defy a first try.
        """
        start, passed_over, foreseen_s = self.clock(), 0, 0.0
        found: list[tuple[Case, Timing]] = []
        for case, costs_s in zip(group.cases, group.foreseen_s, strict=True):
            spent_s = self.clock() - start
            pace = max(1.0, spent_s / foreseen_s) if foreseen_s else 1.0
            left_s = group.budget_s - spent_s
            if costs_s * pace > left_s:
                passed_over += 1
                continue
            self.progress(f"measuring {group.name}: {case.label}")
            foreseen_s += costs_s
            try:
                timing = self._timed(case, case_s, left_s)
            except OutOfMemoryError:
                self.full[group.name] += 1
            except UnsupportedError as problem:
                self.left_out.append(LeftOut(what=case.label, why=str(problem)))
            else:
                passed_over += timing is None
                if timing is not None:
                    found.append((case, timing))
        if not group.cases:
            self.left_out.append(LeftOut(what=group.name, why=TOO_SLOW))
        if passed_over:
            what = f"{plural(passed_over, 'size')} of {group.name}"
            self.left_out.append(LeftOut(what=what, why=NO_TIME))
        found.sort(key=lambda one: (one[0].flops, one[0].moved_bytes, one[0].label))
        self.rows += [Row(case=case, timing=timing) for case, timing in found]

    def _timed(self, case: Case, case_s: float, patience_s: float) -> Timing | None:
        """Time one case, with all the device's memory if it needs that."""
        try:
            return time_job(self.backend.prepare(case), case_s, patience_s=patience_s, clock=self.clock)
        except OutOfMemoryError:
            # Buffers of other precisions may be in the way.
            self.backend.release()
            return time_job(self.backend.prepare(case), case_s, patience_s=patience_s, clock=self.clock)

    def collectives(self, ranks: int, budget_s: float) -> None:
        """Time collectives, if there is anybody to talk to."""
        kind = self.backend.device.kind
        cases = sizes.collectives("fp32" if kind == "cpu" else "bf16", ranks)
        if not cases:
            return
        self.progress(f"measuring collectives among {ranks} ranks")
        try:
            found = self.backend.together(cases, budget_s)
        except (OutOfMemoryError, UnsupportedError) as problem:
            self.left_out.append(LeftOut(what="collectives", why=str(problem)))
            return
        ordered = sorted(found, key=lambda case: (case.operation, case.full_bytes))
        self.rows += [Row(case=case, timing=found[case]) for case in ordered]
        lacking = sorted({c.operation for c in cases} - {c.operation for c in found})
        self.left_out += [LeftOut(what=o, why="it did not work among these ranks") for o in lacking]
        late = sum(c.operation not in lacking for c in cases) - len(found)
        if late:
            self.left_out.append(LeftOut(what=f"{plural(late, 'size')} of collectives", why=NO_TIME))

    def warnings(self) -> Diagnostics:
        """One warning for all that found no memory."""
        if not self.full:
            return ()
        sorts = ", ".join(f"{count} of {name}" for name, count in self.full.items())
        detail = (
            f"The device had no room for {plural(sum(self.full.values()), 'size')} ({sorts}); they were "
            "passed over, the rows of all others are there. End what else runs on the device to measure "
            "them, too."
        )
        return (warning("out-of-memory", "Some sizes found no memory", detail),)


def _nothing(left_out: list[LeftOut]) -> Diagnostic:
    """Not one precision works on the device."""
    why = "; ".join(f"{one.what}: {one.why}" for one in left_out)
    detail = f"Not one kind of product could be run on the device ({why}). Try -device cpu."
    return error("nothing-measured", "Nothing could be measured", detail)
