"""``--executor``: the same answers from processes and from a real Dask cluster on this machine."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from importlib.metadata import version
from random import Random
from typing import TYPE_CHECKING

import distributed
import pytest

from dcplan.catalog.fleet import Fleet, FleetNode
from dcplan.demand.jobs import Job
from dcplan.diag import Result
from dcplan.placement.cpsat import Effort
from dcplan.placement.defrag import Goal, standing
from dcplan.placement.defrag.aggregate import Counted
from dcplan.placement.defrag.drain import drain
from dcplan.placement.defrag.partition import count_in_parts
from dcplan.workflow import dask_cluster
from dcplan.workflow.executors import SERIAL, Fanout, Helpers, Where, helped

if TYPE_CHECKING:
    from conftest import Small

SWEEP = ("plan", "-pareto", "cost,latency", "-points", "4")


def cluster(workers: int) -> distributed.LocalCluster:
    """A scheduler on a free port of loopback and its workers, each a process with one thread."""
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        scheduler_port=0,
        dashboard_address="127.0.0.1:0",
        silence_logs=50,
    )


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a scheduler with two workers."""
    with cluster(2) as two:
        yield two.scheduler_address


def parts_of(helpers: Helpers) -> Result[Counted]:
    """A fleet of six racks, solved in two parts."""
    dice = Random(7)  # noqa: S311 - no secrets here
    nodes = [(rack, node) for rack in range(6) for node in range(4)]
    fleet = Fleet(
        nodes=tuple(
            FleetNode(name=f"r{r}-n{n}", model="A", devices=4, cpu_milli=99, memory_mib=99, rack=f"r{r}")
            for r, n in nodes
        )
    )
    jobs = [
        Job(
            name=f"j{r}-{n}",
            cpu_milli=1,
            memory_mib=1,
            devices=dice.choice([1, 2]),
            parts=1,
            on=(f"r{r}-n{n}",),
        )
        for r, n in nodes
        if dice.random() < 0.5
    ]
    now = standing(fleet, jobs, Goal(slices=2, nodes=2)).unwrap()
    drains = [drain(now, domain) for domain in now.domains]
    effort = Effort(seed=0, limit=5.0)
    return Result(count_in_parts(now, drains, [1] * 6, effort, executor=helpers.executor, least=3))


def test_processes_and_dask_workers_find_the_same_front(small: Small, scheduler: str) -> None:
    """Byte for byte what one process finds."""
    alone = small.run(*SWEEP, "-json").stdout

    assert alone == small.run(*SWEEP, "-json", "-executor", "processes=2").stdout
    assert alone == small.run(*SWEEP, "-json", "-executor", f"dask={scheduler}").stdout


def test_dask_workers_price_the_same_rules(small: Small, scheduler: str) -> None:
    """What binds a workload costs the same, whoever tries it."""
    small.replace("workloads:\n", "constraints: {budget: $5000/h}\nworkloads:\n")
    told = small.data("explain", "chat", "-executor", f"dask={scheduler}")

    assert told["prices"]["tried"] > 0
    assert small.data("explain", "chat")["prices"] == told["prices"]


def test_dask_workers_solve_the_same_parts(scheduler: str) -> None:
    """Parts of a fleet are counted alike, in other processes."""
    there = Fanout(where=Where.DASK, address=scheduler)

    def who(helpers: Helpers) -> Result[set[int]]:
        assert helpers.executor is not None
        return Result({helpers.executor.submit(os.getpid).result() for _ in range(8)})

    found = helped(there, parts_of)

    assert found == helped(SERIAL, parts_of)
    assert len(found.unwrap().slices) == 6
    assert os.getpid() not in helped(there, who).unwrap()


def test_a_cluster_that_ends_is_told_without_a_traceback() -> None:
    """Work that is under way when the scheduler ends makes an error, soon."""
    with cluster(1) as one:

        def work(helpers: Helpers) -> Result[None]:
            assert helpers.executor is not None
            begun = helpers.executor.submit(time.sleep, 60)
            one.close()
            return Result(begun.result())

        begun_s = time.monotonic()
        [told] = helped(Fanout(where=Where.DASK, address=one.scheduler_address), work).diagnostics

    assert told.code == "helper-lost"
    assert time.monotonic() - begun_s < 50


def test_a_scheduler_that_is_not_there_is_told_soon(small: Small) -> None:
    """Nobody listens, somebody else does, or it is no address: each is an error within seconds."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        begun_s = time.monotonic()
        strange = small.run(*SWEEP, "-executor", f"dask=127.0.0.1:{port}")
    gone = small.run(*SWEEP, "-executor", f"dask=tcp://127.0.0.1:{port}")
    took_s = time.monotonic() - begun_s
    wrong = small.run(*SWEEP, "-executor", "dask=here")

    assert strange.exit_code == gone.exit_code == wrong.exit_code == 1
    assert "Dask scheduler cannot be reached" in strange.stderr
    assert "Dask scheduler cannot be reached" in gone.stderr
    assert "missing port number" in " ".join(wrong.stderr.split())
    assert took_s < 20


def test_a_cluster_without_workers_is_told(small: Small) -> None:
    """Waiting for ever is no answer."""
    with cluster(0) as none:
        done = small.run(*SWEEP, "-executor", f"dask={none.scheduler_address}")

    assert done.exit_code == 1
    assert "The Dask cluster has no workers" in done.stderr


def test_a_worker_with_another_dcplan_is_refused(
    small: Small, scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers could differ; both versions are named."""
    monkeypatch.setattr(dask_cluster, "version_here", lambda: "99.0")
    done = small.run(*SWEEP, "-executor", f"dask={scheduler}")

    assert done.exit_code == 1
    assert f"has dcplan {version('dcplan')}, and here is dcplan 99.0" in " ".join(done.stderr.split())


def test_without_the_package_the_extra_is_named(small: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    """How to install it, and what does without."""
    monkeypatch.setattr(dask_cluster, "find_spec", lambda _: None)
    done = small.run(*SWEEP, "-executor", "dask=tcp://127.0.0.1:1")

    assert done.exit_code == 1
    assert "pip install 'dcplan[dask]'" in " ".join(done.stderr.split())


def test_an_executor_without_questions_is_refused(small: Small) -> None:
    """Where there is nothing to share out, and where the name means nobody."""
    assert "-executor solves the plans of -pareto" in small.run("plan", "-executor", "processes").output
    assert "-executor tries the rules of one workload" in small.run("explain", "-executor", "serial").output
    assert "Did you mean" in small.run(*SWEEP, "-executor", "proceses").output


def test_defrag_takes_any_executor(small: Small, scheduler: str) -> None:
    """The same moves, whoever would solve parts."""
    (small.folder / "nodes.csv").write_text(
        "name,model,devices,cpu_milli,memory_mib,rack\n"
        + "".join(f"n{n},GB200,4,9,9,r{n % 2}\n" for n in range(8))
    )
    (small.folder / "jobs.csv").write_text("name,devices,parts,cpu_milli,memory_mib,on\nchat,1,1,1,1,n0\n")
    asked = ("defrag", "-nodes", "nodes.csv", "-jobs", "jobs.csv", "-free", "2", "-slice", "3")
    told = [small.data(*asked, "-executor", who) for who in ("serial", "processes=1", f"dask={scheduler}")]

    assert len(told[0]["slices"]) == 2
    assert told[0] == told[1] == told[2] == small.data(*asked)
