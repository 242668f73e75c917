"""Ways to buy machines, from the document to the plan's last line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from dcplan.cli.main import cli

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

SERVE = """
  chat:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: RATE, prompt_tokens: 1000, output_tokens: 200}
    sla: {ttft: {p95: 1s}, tpot: {p95: 50ms}}
    constraints: {accelerators: [H100]CONSTRAINTS}
"""
TRAIN = """
  tune:
    kind: train
    model: llama-3.1-8b
    tokens: 5B
    sequence_length: 4096
    global_batch: 256
    constraints: {accelerators: [H100]CONSTRAINTS}
"""
AWS = """\
project: shop
providers:
  aws:
    regions: [us-east-1]
ACCOUNT
workloads:
"""
BLOCK = """\
capacity_blocks:
  - {machine: p5.48xlarge, zone: use1-az6, machines: 4, WINDOW, price: $1000}
"""
LOCAL = """\
project: shop
providers:
  local: {datacenter: hall.yaml, ready_after: 1msSETTINGS}
workloads:
"""
HALL = """\
name: hall
region: eu-test
machines:
  box: {accelerator: H100, devices: 1, vcpus: 24, memory: 256GiB, network: 100Gbit/s, fabric: RoCE,
        price: $3/h}
zones:
  a: {racks: {count: 2, machine: box, nodes: 8}}
  b: {racks: {count: 2, machine: box, nodes: 8}}
  c: {racks: {count: 2, machine: box, nodes: 8}}
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a data centre, which is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hall.yaml").write_text(HALL)
    return tmp_path


def dcplan(*arguments: str) -> Result:
    """One command in this process."""
    return CliRunner().invoke(cli, list(arguments))


def serve(rate: int, constraints: str = "") -> str:
    """A served model."""
    return SERVE.replace("RATE", str(rate)).replace("CONSTRAINTS", constraints)


def on_aws(folder: Path, account: str, workloads: str) -> None:
    """A document for AWS with what the account has."""
    lines = "\n".join(f"    {line}" for line in account.splitlines())
    (folder / "dcplan.yaml").write_text(AWS.replace("ACCOUNT", lines) + workloads)


def on_site(folder: Path, workloads: str, settings: str = "") -> None:
    """A document for the data centre."""
    (folder / "dcplan.yaml").write_text(LOCAL.replace("SETTINGS", settings) + workloads)


def planned() -> dict[str, Any]:
    """A plan as data."""
    done = dcplan("plan", "-json")
    assert done.exit_code == 0, done.output
    plan: dict[str, Any] = json.loads(done.stdout)
    return plan


def pools(plan: dict[str, Any]) -> dict[str, int]:
    """Machines by pool."""
    return {use["pool"]: use["machines"] for use in plan["pools"]}


def test_a_reservation_is_used_first_and_told_of(here: Path) -> None:
    """It costs nothing more, and what is paid anyway stands under the cost."""
    on_aws(here, "reservations: [{machine: p5.48xlarge, zone: use1-az6, machines: 2}]", serve(20))
    plan, text = planned(), dcplan("plan").output

    assert pools(plan) == {"use1-az6/p5.48xlarge/reservation": 1}
    assert plan["usd_per_h"] == 0
    assert "Paid anyway: $110.08/h." in text
    assert "use1-az6/p5.48xlarge/reservation: 1 of 2 machines used, $110.08/h" in text


def test_purchase_says_how_machines_may_be_bought(here: Path) -> None:
    """Without reservations in the list, the one there is stays unused and is paid for all the same."""
    account = "reservations: [{machine: p5.48xlarge, zone: use1-az6, machines: 2}]"
    on_aws(here, account, serve(20, ", purchase: [on-demand]"))
    plan = planned()

    assert not any("reservation" in pool for pool in pools(plan))
    assert [one["used"] for one in plan["bought_ahead"]] == [0]
    assert plan["usd_per_h"] > 0


def test_a_job_waits_for_its_block_and_serving_does_not(here: Path) -> None:
    """A block far in the future has room for a job without a deadline only."""
    on_aws(
        here,
        BLOCK.replace("WINDOW", "start: 2090-01-01, end: 2090-03-01"),
        serve(20) + TRAIN.replace("CONSTRAINTS", ""),
    )
    plan, text = planned(), dcplan("plan").output
    where = {w["name"]: w["allotments"][0]["pool"] for w in plan["workloads"]}

    assert where["tune"] == "use1-az6/p5.48xlarge/capacity-block"
    assert "capacity-block" not in where["chat"]
    assert "in a capacity block; use1-az6/p5.48xlarge/capacity-block comes in" in text
    assert plan["bought_ahead"][0]["starts_at"] == "2090-01-01T00:00+00:00"
    assert "Paid anyway: $0.00/h." in text


def test_a_block_that_is_over_is_told_of(here: Path) -> None:
    """It is neither used nor paid for."""
    on_aws(here, BLOCK.replace("WINDOW", "start: 2020-01-01, end: 2020-03-01"), serve(20))
    text = dcplan("plan").output

    assert "Bought capacity has ended" in text
    assert "Paid anyway" not in text


def test_queued_machines_are_for_jobs_that_ask_for_them(here: Path) -> None:
    """At a discount they are cheapest; without the word nobody waits."""
    ask = TRAIN.replace("CONSTRAINTS", ", purchase: [queued, on-demand]")
    on_aws(here, "queued: {wait: 6h, discount: 60%}", serve(20) + ask)
    asked = {w["name"]: w["allotments"][0]["pool"] for w in planned()["workloads"]}
    on_aws(here, "queued: {wait: 6h, discount: 60%}", TRAIN.replace("CONSTRAINTS", ""))
    silent = planned()["workloads"][0]["allotments"][0]["pool"]

    assert asked["tune"].endswith("/queued")
    assert not asked["chat"].endswith("/queued")
    assert not silent.endswith("/queued")


def test_a_quota_is_kept_or_named(here: Path) -> None:
    """A quota that is too small stands beside the workload that needs more."""
    on_aws(here, "quotas: [{of: P, vcpus: 0}]", serve(20))
    text = " ".join(dcplan("plan").output.split())

    assert "the quota of aws/us-east-1/P/vCPUs is 0 vCPUs" in text
    assert "vCPUs over the quota of aws/us-east-1/P/vCPUs" in text
    assert "{of: P, vcpus: 0}" in text


def test_a_zone_may_be_lost_and_the_next_plan_is_empty(here: Path) -> None:
    """Enough replicas are left without any one zone; planning again changes nothing."""
    on_site(here, serve(60, ", survive: [zone]"))
    chat = planned()["workloads"][0]
    counts = [a["replicas"] for a in chat["allotments"]]
    needed = chat["candidate"]["replicas"] - chat["candidate"]["spares"]
    applied = dcplan("apply", "-auto-approve")

    assert applied.exit_code == 0, applied.output
    assert sum(counts) == chat["candidate"]["replicas"]
    assert sum(counts) - max(counts) >= needed
    assert "the loss of any one zone" in applied.output
    assert "Nothing to change" in dcplan("plan").output


def test_a_quota_below_what_runs_is_told_of(here: Path) -> None:
    """Either the quota or what runs cannot be right; the plan keeps to the quota."""
    on_site(here, serve(60, ", survive: [zone]"))
    assert dcplan("apply", "-auto-approve").exit_code == 0
    before = sum(pools(planned()).values())
    on_site(here, serve(60), f", quotas: [{{of: H100, devices: {before - 1}}}]")
    done = dcplan("plan")

    assert done.exit_code in {0, 2}
    assert "A quota is below what runs today" in done.output
    assert f"{before} devices run today" in done.output
    assert sum(pools(planned()).values()) < before
