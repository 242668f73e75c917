"""``dcplan catalog`` from end to end, against a server that speaks as AWS does."""

from __future__ import annotations

import json
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dcplan.cli.main import cli
from price_lists import PRICING, product, spot, tell
from programs import served
from s3_clients import nobody

DOCUMENT = """\
project: shop
providers:
  aws:
    regions: [us-east-1]
    spot: falseMORE
workloads:
  chat:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: 20/s, prompt_tokens: 512, output_tokens: 128}
    sla: {ttft: {p95: 500ms}, tpot: {p95: 60ms}}
    constraints: {accelerators: [H100]}
"""
P5, P5_4 = "p5.48xlarge", "p5.4xlarge"
KEPT = Path(".dcplan/catalog/aws.json")


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    """AWS with price lists of ours."""
    with served(PRICING) as port:
        yield port


@pytest.fixture
def aws(server: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """The server's port, in a folder with a document."""
    nobody(monkeypatch, tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{server}")
    monkeypatch.chdir(tmp_path)
    write()
    since = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    tell(
        server,
        products=[product(P5, 50.0), product(P5_4, 6.5), product(P5, 51.0, "us-west-2")],
        spot=[spot(P5, f"{region}a", 20.0, since) for region in ("us-east-1", "us-west-2")],
    )
    return server


def write(more: str = "") -> None:
    """The document, with more settings of the provider."""
    Path("dcplan.yaml").write_text(DOCUMENT.replace("MORE", more))


def dcplan(*arguments: str) -> Result:
    """One command in this process."""
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False)


def data(*arguments: str) -> dict[str, Any]:
    """What a command prints for programs."""
    done = dcplan(*arguments, "-json")
    assert done.exit_code == 0, done.output
    return dict(json.loads(done.stdout))


def one_line(text: str) -> str:
    """Without line breaks."""
    return " ".join(text.split())


def aged(days: float) -> None:
    """Let the kept answers be so old."""
    content = json.loads(KEPT.read_text())
    for region in content["regions"]:
        region["read_at_s"] = time.time() - days * 86_400
    KEPT.write_text(json.dumps(content))


def test_a_refresh_changes_plans_and_says_what_it_changes(aws: int) -> None:
    """The plan before has the shipped price, the one after the cloud's; digests tell them apart."""
    before = data("plan")
    shown = dcplan("plan").stdout
    diff = dcplan("catalog", "diff", "-detailed-exitcode", "-n", "0")
    untouched = KEPT.exists()
    done = dcplan("catalog", "refresh")
    again = dcplan("catalog", "diff", "-detailed-exitcode")
    after = data("plan")
    text = one_line(dcplan("plan").stdout)

    assert "Prices: 2026, up to" in shown
    assert "Prices of today: dcplan catalog refresh" in shown
    assert diff.exit_code == 2, diff.output
    assert "$6.88/h -> $6.50/h  -5.5%" in diff.stdout
    assert not untouched
    assert done.exit_code == 0, done.output
    assert stat.S_IMODE(KEPT.stat().st_mode) == 0o600
    assert (again.exit_code, "Nothing changed." in again.stdout) == (0, True)
    assert before["usd_per_h"] / after["usd_per_h"] == pytest.approx(6.88 / 6.5)
    assert before["inputs"]["offerings"] != after["inputs"]["offerings"]
    [source] = after["price_sources"]
    assert (source["provider"], source["source"]) == ("aws", "AWS price list")
    assert f"Prices: {source['date']}, today (AWS price list)." in text
    assert "Prices of today" not in text


def test_refreshing_one_region_keeps_what_is_known_of_others(aws: int) -> None:
    """Regions are asked by themselves; a region that is not the provider's is told with what was meant."""
    dcplan("catalog", "refresh", "-region", "us-west-2")
    dcplan("catalog", "refresh", "-region", "us-east-1")
    wrong = dcplan("catalog", "refresh", "-region", "us-eats-1")
    regions = {region["name"] for region in json.loads(KEPT.read_text())["regions"]}
    [west] = [
        row
        for row in data(
            "catalog", "list", "-region", "us-west-2", "-purchase", "on-demand", "-accelerator", "h100"
        )["offerings"]
        if row["machine"] == P5 and row["zone"] == "usw2-az1"
    ]

    assert regions == {"us-west-2", "us-east-1"}
    assert west["usd_per_h"] == 51.0
    assert (west["usd_per_device_h"], west["source"], west["age_days"]) == (51.0 / 8, "AWS price list", 0)
    assert wrong.exit_code == 1
    assert 'Did you mean "us-east-1"?' in wrong.stderr


def test_a_jump_is_told_kept_out_and_taken_when_accepted(aws: int) -> None:
    """Half the price may be of another SKU: the old one stays, and show says why."""
    tell(aws, products=[product(P5_4, 3.0)], spot=[])
    wary = dcplan("catalog", "refresh")
    kept = data("catalog", "show", P5_4)
    bold = dcplan("catalog", "refresh", "-accept-jumps")
    taken = data("catalog", "show", P5_4)

    def prices(shown: dict[str, Any]) -> set[float | None]:
        rows = shown["offerings"]
        return {r["usd_per_h"] for r in rows if r["region"] == "us-east-1" and r["purchase"] == "on-demand"}

    assert wary.exit_code == 0, wary.output
    assert "-accept-jumps takes it." in one_line(wary.stdout)
    assert "EC2 did not" not in wary.stderr
    assert prices(kept) == {6.88}
    assert [doubt["code"] for doubt in kept["doubts"]] == ["jump"]
    assert bold.exit_code == 0
    assert prices(taken) == {3.0}
    assert taken["doubts"] == []


def test_old_prices_are_warned_of(aws: int) -> None:
    """After 30 days, or when the settings say so; those that ship are only warned of where they do."""
    shipped = dcplan("plan")
    write("\n    prices_max_age: 1d")
    strict = dcplan("plan")
    write()
    dcplan("catalog", "refresh")
    fresh = dcplan("plan")
    aged(40)
    old = dcplan("plan")
    write("\n    prices_max_age: 60d")
    patient = dcplan("plan")

    assert "Prices are old" not in shipped.stderr + fresh.stderr + patient.stderr
    assert "Prices are old" in strict.stderr
    assert "Prices of aws in us-east-1 are up to 40d old, more than 30d" in one_line(old.stderr)
    assert "dcplan.yaml:3:3" in old.stderr
    assert old.exit_code == 0


def test_a_file_that_cannot_be_read_stops_plans_until_it_is_gone(aws: int) -> None:
    """Planning on with other prices would be worse; the message says what to do, and that helps."""
    dcplan("catalog", "refresh")
    KEPT.write_text('{"version": 1, "provider": "aws"')
    plan, listing = dcplan("plan"), dcplan("catalog", "list")
    KEPT.unlink()

    for done in (plan, listing):
        assert done.exit_code == 1
        assert "Delete it" in one_line(done.stderr)
        assert "Traceback" not in done.output
    assert dcplan("plan").exit_code == 0


def test_the_log_tells_whom_was_asked(aws: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With DCPLAN_LOG a provider is watched and can be asked all the same."""
    monkeypatch.setenv("DCPLAN_LOG", "debug")
    done = dcplan("catalog", "diff")

    assert done.exit_code == 0, done.output
    [line] = [line for line in done.stderr.splitlines() if "provider: live" in line]
    assert 'regions=["us-east-1"]' in line
    assert "told_regions=1" in line


def test_a_cloud_that_does_not_answer_changes_nothing(aws: int) -> None:
    """The refresh fails with the permission that is missing, placed in the document; nothing is written."""
    tell(aws, denied=["DescribeRegions"])
    done = dcplan("catalog", "refresh")

    assert done.exit_code == 1
    assert "ec2:DescribeRegions" in one_line(done.stderr)
    assert "dcplan.yaml:3:3" in done.stderr
    assert not KEPT.exists()


def test_the_list_is_sorted_by_what_an_accelerator_costs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a document: cheapest first, unknown last, filters hold, typos are told."""
    monkeypatch.chdir(tmp_path)
    rows = data("catalog", "list", "-accelerator", "h200", "-all")["offerings"]
    known = [row["usd_per_device_h"] for row in rows if row["usd_per_device_h"] is not None]
    short = dcplan("catalog", "list", "-accelerator", "h200", "-n", "2").stdout.splitlines()
    wrong = dcplan("catalog", "list", "-accelerator", "h20", "-provider", "asw")

    assert known == sorted(known)
    assert [row["usd_per_device_h"] for row in rows[: len(known)]] == known
    assert {row["accelerator"] for row in rows} == {"H200"}
    assert any(row["usd_per_h"] is None for row in rows)
    assert len(short) == 4
    assert short[-1].endswith("-n 0 lists all")
    assert wrong.exit_code == 1
    assert 'no provider "asw". Did you mean "aws"?' in wrong.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_machine_is_shown_with_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Facts, their dates, and every place; a stranger is told with what was meant."""
    monkeypatch.chdir(tmp_path)
    text = dcplan("catalog", "show", "trn2.48xlarge").stdout
    wrong = dcplan("catalog", "show", "p5e.49xlarge")

    assert "16 x Trainium2" in text
    assert "96 GiB usable each" in text
    assert "unknown" in text
    assert wrong.exit_code == 1
    assert 'Did you mean "p5e.48xlarge"?' in wrong.stderr


def test_an_exhausted_quota_is_told_before_anything_is_started(aws: int) -> None:
    """The plan ends with who said so, when, and two ways out; the document's own word is one of them."""
    tell(aws, products=[product(P5_4, 6.5), product(P5, 50.0)], weather={"vcpus": {"P": 8}})
    refreshed = dcplan("catalog", "refresh").stdout
    refused = dcplan("plan")
    told = one_line(refused.stderr)
    write("\n    quotas: [{of: P, region: us-east-1, vcpus: 64}]")
    allowed = dcplan("plan")
    [cloud] = data("catalog", "diff")["providers"]
    [row] = [row for row in cloud["quotas"] if row["code"] == "L-417A185B"]

    assert "us-east-1: G 100,000 vCPUs" in refreshed
    assert "P 8 vCPUs" in refreshed
    assert refused.exit_code == 1
    assert "the quota of aws/us-east-1/P/vCPUs is 8 vCPUs (AWS Service Quotas, " in told
    assert "L-417A185B) and then `dcplan catalog refresh`" in told
    assert "`quotas: [{of: P, region: us-east-1, vcpus: N}]`" in told
    assert allowed.exit_code == 0, allowed.output
    assert (row["region"], row["vcpus"], row["used"]) == ("us-east-1", 8, None)
