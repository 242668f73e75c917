"""Whole lifecycles at random: pools sold out, modes of failing, targets, moves, successors, kills."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from unittest import mock

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcplan.apply import ApplyOptions, Failover, OnError, Status
from dcplan.diag import has_errors
from dcplan.plan.make import with_generations
from dcplan.state import LockInfo, check, open_store
from dcplan.workflow.applying import _carry_out
from lifecycle_programs import GANG, WHOLE, Part, Program, plan_to
from program_cloud import POOLS, Cloud, Killed, Line

if TYPE_CHECKING:
    from dcplan.plan.types import Plan
    from dcplan.provider import Provider
    from dcplan.state import LocalStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One apply, and what befalls it."""

    program: Program
    part: Part = WHOLE
    faults: float = 0.0
    sold_out: tuple[tuple[str, int], ...] = ()
    on_error: OnError = OnError.CONTINUE
    failover: Failover = Failover.AUTO
    kill_at: int | None = None
    vanishes: int | None = None
    """Number of an object that is gone before."""
    keeps: bool = False
    """Whether no machine is let go of unless all that are bought are there."""
    again: bool = False
    """Whether the saved plan is applied once more after that."""


_WORDS = {
    "machines": ("sizes", "replicas"),
    "gang": ("gang",),
    "names": ("names", "moved"),
    "successors": ("successors",),
    "forget": ("forget",),
}
"""What a document may have otherwise than the one before."""


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """A few machines, two services on them, and a job with two machines of its own."""
    sizes = tuple(draw(st.lists(st.integers(1, 2), max_size=3)))
    seats = [(machine, device) for machine in range(len(sizes)) for device in range(2)]
    taken = draw(st.lists(st.sampled_from(seats), unique=True, max_size=4)) if seats else []
    return Program(
        sizes=sizes,
        gang=draw(st.integers(0, 2)),
        replicas=tuple(
            (draw(st.sampled_from(("one", "two"))), machine, device, draw(st.integers(1, 2)))
            for machine, device in taken
        ),
        names=draw(st.sampled_from([("chat", "emb"), ("talk", "emb"), ("talk", "chat")])),
        moved=draw(st.booleans()),
        successors=draw(st.frozensets(st.sampled_from(("one", "two")))),
        forget=draw(st.booleans()),
    )


@st.composite
def turns(draw: st.DrawFn, program: Program) -> Turn:
    """An apply, quiet or not."""
    some = st.frozensets(st.integers(0, 9), max_size=3)
    return Turn(
        program=program,
        part=Part(numbers=draw(some), exclude=draw(st.booleans())) if draw(st.booleans()) else WHOLE,
        faults=draw(st.sampled_from([0.0, 0.0, 0.1, 0.4])),
        sold_out=tuple((p, draw(st.integers(0, 3))) for p in POOLS),
        on_error=draw(st.sampled_from(OnError)),
        failover=draw(st.sampled_from([Failover.AUTO, Failover.AUTO, Failover.NEVER])),
        kill_at=draw(st.none() | st.integers(1, 60)),
        vanishes=draw(st.none() | st.none() | st.integers(0, 9)),
        keeps=draw(st.booleans()),
        again=draw(st.booleans()),
    )


@st.composite
def stories(draw: st.DrawFn) -> list[Turn]:
    """Applies one after the other; each document is another, or the one before with a few words changed."""
    told: list[Turn] = []
    program = draw(programs())
    for _ in range(draw(st.integers(1, 5))):
        told.append(draw(turns(program)))
        other = draw(programs())
        words = draw(st.frozensets(st.sampled_from(list(_WORDS)), max_size=3))
        program = replace(program, **{name: getattr(other, name) for word in words for name in _WORDS[word]})
    return told


def opened(folder: Path) -> LocalStore:
    """The state."""
    return open_store(folder / "state.db", create=True).unwrap()


def applied(
    folder: Path,
    cloud: Cloud,
    plan: Plan,
    options: ApplyOptions,
    *,
    kill_at: int | None = None,
    keeps: bool = False,
) -> bool | None:
    """Whether a saved plan was carried out whole; None when its process was killed."""
    line = Line(cloud, kill_at)
    providers: dict[str, Provider] = {"world": line}  # type: ignore[dict-item] - acts and looks, no more
    store = opened(folder)
    try:
        with (
            mock.patch("dcplan.apply.engine.crash_point", line.step),
            mock.patch("dcplan.apply.recover.crash_point", line.step),
            store.lock(LockInfo(pid=1, who="a@b", operation="apply", since="now")).unwrap(),
        ):
            done = _carry_out(
                store,
                plan,
                providers,
                report=lambda _: None,
                stop=threading.Event(),
                chosen=options,
                kept=store.read().resources if keeps else (),
            )
    except Killed:
        with cloud.lock:
            line.dead = True
        return None
    finally:
        store.close()
    if done.value is not None and options.on_error is OnError.CONTINUE:
        came = {result.status for result in done.value.report.results}
        assert Status.NOT_STARTED not in came or Status.IN_PROGRESS in came, "something waited in vain"
    return done.ok


def options_of(turn: Turn) -> ApplyOptions:
    """How a turn applies."""
    return ApplyOptions(
        parallelism=3,
        attempts=3,
        base_delay_s=0.0001,
        new_attempts=1,
        on_error=turn.on_error,
        failover=turn.failover,
    )


def wrongs(folder: Path, cloud: Cloud) -> list[str]:
    """What may never be, whatever happened: things that nobody knows of, rows that contradict each other."""
    store = opened(folder)
    try:
        state, still_open = store.read(), store.open_operations()
    finally:
        store.close()
    known = {str(r.outputs.get("id")) for r in state.resources.values()}
    unsettled = {o.address for o in still_open}
    found = [str(d) for d in check(state)] if has_errors(check(state)) else []
    if len(known) != len(state.resources):
        found.append(f"two rows have one object: {state.resources}")
    found += [
        f"nobody knows of {f}"
        for f in cloud.owned(state.lineage)
        if f.object_id not in known and f.address not in unsettled
    ]
    return found


def play(folder: Path, cloud: Cloud, turn: Turn) -> None:
    """One apply, with all that goes wrong; what may never be is asserted after it."""
    cloud.faults, cloud.sold_out = turn.faults, dict(turn.sold_out)
    if turn.vanishes is not None and cloud.objects:
        del cloud.objects[sorted(cloud.objects)[turn.vanishes % len(cloud.objects)]]
    store = opened(folder)
    plan, tries = plan_to(turn.program, store.read(), cloud, turn.part), store.tries()
    store.close()
    if plan is None:
        return
    plan = with_generations(plan, tries)
    done = applied(folder, cloud, plan, options_of(turn), kill_at=turn.kill_at, keeps=turn.keeps)
    assert wrongs(folder, cloud) == []
    if turn.again:
        calls = cloud.calls
        done_again = applied(folder, cloud, plan, options_of(turn))
        assert wrongs(folder, cloud) == []
        if done and turn.on_error is not OnError.ROLLBACK_NEW:
            assert (cloud.calls, done_again) == (calls, True)


def settle(folder: Path, cloud: Cloud, program: Program) -> None:
    """Apply without faults until nothing is left to do: twice must be enough."""
    cloud.faults, cloud.sold_out = 0.0, {}
    for attempt in range(4):
        store = opened(folder)
        state, still_open = store.read(), store.open_operations()
        plan = plan_to(program, state, cloud)
        if plan is None:
            plan = plan_to(replace(program, successors=frozenset(), moved=False), state, cloud)
        assert plan is not None
        plan = with_generations(plan, store.tries())
        store.close()
        if not plan.changes and not plan.state_changes and not still_open:
            break
        assert attempt < 3, f"it never ends: {plan.changes} {plan.state_changes} {still_open}"
        applied(folder, cloud, plan, ApplyOptions(parallelism=3, base_delay_s=0.0001))
    there = {f.object_id: f for f in cloud.owned(state.lineage)}
    rows = {str(r.outputs["id"]): r for r in state.resources.values()}
    assert there.keys() == rows.keys()
    assert {i: (f.address, f.attributes) for i, f in there.items()} == {
        i: (r.address, r.attributes) for i, r in rows.items()
    }
    gang = {r.attributes["pool"] for r in rows.values() if r.attributes.get("slot") in GANG}
    assert len(gang) <= 1


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(story=stories(), seed=st.integers(0, 10_000))
def test_whatever_befalls_applies_nothing_is_lost_or_doubled_and_all_ends_as_wished(
    story: list[Turn], seed: int
) -> None:
    """After each apply everything ours is known; once all is quiet cloud, state and wish agree."""
    cloud = Cloud(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for turn in story:
            play(folder, cloud, turn)
        settle(folder, cloud, replace(story[-1].program, forget=False))
