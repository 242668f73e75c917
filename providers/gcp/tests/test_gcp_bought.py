"""Capacity blocks by the command line: kills, lost answers, and never two orders unasked."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from gcp_examples import BLOCK, ZONE, block_for_sale
from gcp_project import KILLED, Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fork_server import ForkServer
    from gcp_cloud import GcpCloud

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")

DOCUMENT = """
project: in-a-block
providers:
  gcp:
    regions: [us-central1]
    spot: false
    capacity_blocks: [%s]
workloads:
  tune:
    kind: train
    model: llama-3.1-8b
    tokens: 20B
    sequence_length: 8192
    global_batch: 256
    deadline: 6d
    constraints: {accelerators: [H100], precisions: [bf16], purchase: [capacity-block]}
"""


@pytest.fixture(scope="module")
def planned(gcp_forks: ForkServer, gcp_server: GcpCloud, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a plan that buys a block."""
    project = Project(tmp_path_factory.mktemp("block"), gcp_forks, gcp_server)
    block = ", ".join(f"{name}: {value}" for name, value in block_for_sale().items()).replace("True", "true")
    (project.folder / "dcplan.yaml").write_text(DOCUMENT % f"{{{block}}}")
    assert project.run("plan", "-out=block.plan") == 0, project.said
    assert "for $20,000, says the document: its cloud names no price" in project.said
    return project.folder


@pytest.fixture
def buyer(planned: Path, gcp_forks: ForkServer, gcp_server: GcpCloud, tmp_path: Path) -> Iterator[Project]:
    """A copy of it, on an empty cloud where blocks begin at once."""
    gcp_server.reset()
    gcp_server.weather(early=True)
    shutil.copytree(planned, tmp_path / "p")
    yield Project(tmp_path / "p", gcp_forks, gcp_server)
    violations = gcp_server.violations
    assert not violations, violations


def orders(project: Project) -> int:
    """How often a block was ordered."""
    return len([one for one in project.cloud.seen if "futureReservations.insert" in one])


@pytest.mark.parametrize("crash_at", ["after-begin:1", "after-begin:2", "after-begin:3"])
def test_killed_after_a_call_nothing_is_ordered_twice(buyer: Project, crash_at: str) -> None:
    """The next apply finds what was made, and ends; what is locked stays paid for, which is said."""
    died = buyer.run("apply", "-parallelism", "1", "block.plan", crash_at=crash_at)
    again = buyer.run("apply", "block.plan")
    told = buyer.said
    settled = buyer.run("plan", "-detailed-exitcode")
    destroyed = buyer.run("destroy", "-auto-approve")

    assert (died, again, settled, destroyed) == (KILLED, 0, 0, 0), told
    assert orders(buyer) == 1
    assert "this stays yours and paid for: gcp.capacity_block." in buyer.said


def test_an_order_whose_answer_is_lost_is_found(buyer: Project) -> None:
    """It was taken: the same apply goes on with it."""
    buyer.cloud.fail(method="futureReservations.insert", mode="after")
    applied = buyer.run("apply", "block.plan")

    assert applied == 0, buyer.said
    assert orders(buyer) == 1
    assert buyer.settled()


def test_an_order_of_which_nothing_shows_is_a_persons_to_decide(buyer: Project) -> None:
    """It never came there, but nobody can be sure: no apply orders again until somebody says so."""
    buyer.cloud.fail(method="futureReservations.insert", mode="before")
    first = buyer.run("apply", "block.plan")
    told = buyer.said
    again = buyer.run("apply", "-auto-approve")
    before = orders(buyer)
    name = f"gcp.capacity_block.{ZONE}-{BLOCK}"
    chosen = buyer.run("recover", "-auto-approve", "-choose", f"{name}=none")
    said = buyer.said
    last = buyer.run("apply", "-auto-approve")

    assert (first, again) == (1, 1), told
    assert "A purchase may have been made" in told
    assert (before, chosen, last) == (1, 0, 0), said
    assert orders(buyer) == 2
    assert len(buyer.cloud.things("futureReservations")) == 1
