"""``dcplan iam``: what is printed where, and what it says of what it cannot know."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from dcplan.cli.main import cli

ON_AWS = """\
project: small
providers:
  aws: {regions: [us-east-1], spot: false}
workloads:
  chat:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: 2/s, prompt_tokens: 800, output_tokens: 200}
    sla: {ttft: {p95: 2s}, tpot: {p95: 80ms}}
    constraints: {accelerators: [L40S]}
"""
KEPT_ELSEWHERE = """\
backend:
  s3: {bucket: "${env.BUCKET}", prefix: chat}
encryption:
  gcp_kms: {key: projects/p/locations/europe-west4/keyRings/r/cryptoKeys/state}
  fallback: unencrypted
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_local_data_centre_needs_nothing(folder: Path) -> None:
    """A plan for the simulated data centre takes no permissions, and the command says so."""
    CliRunner().invoke(cli, ["init", "-example"])
    told = CliRunner().invoke(cli, ["iam"])
    data = CliRunner().invoke(cli, ["iam", "-json"])

    assert (told.exit_code, told.stdout) == (0, "local: nothing is needed.\n")
    assert json.loads(data.stdout)["permissions"] == []
    assert (folder / "dcplan.yaml").exists()


@pytest.fixture
def planned(folder: Path) -> Path:
    """A plan for AWS in a file, of a document that now keeps its state in S3 and its keys in Cloud KMS."""
    document = folder / "dcplan.yaml"
    document.write_text(ON_AWS)
    assert CliRunner().invoke(cli, ["plan", "-out", "the.plan"]).exit_code == 0
    document.write_text(ON_AWS + KEPT_ELSEWHERE)
    return folder / "the.plan"


def test_state_and_keys_are_part_of_it_on_whichever_cloud(planned: Path) -> None:
    """The bucket is in the policy of AWS, and the key has a role of Google Cloud, which runs nothing here."""
    told = CliRunner(env={"BUCKET": "my-state"}).invoke(cli, ["iam", str(planned), "-json"])
    policy, role = json.loads(told.stdout)["permissions"]
    resources = [one["Resource"] for one in policy["content"]["Statement"]]

    assert told.exit_code == 0
    assert (policy["name"], role["name"]) == ("aws", "gcp-key")
    assert "arn:aws:s3:::my-state/chat/*" in resources
    assert len(role["content"]["includedPermissions"]) == 2


def test_one_document_alone_can_be_redirected(planned: Path) -> None:
    """Standard output is the policy and nothing else; how to put it in place is told beside it."""
    told = CliRunner(env={"BUCKET": "my-state"}).invoke(cli, ["iam", str(planned), "-only", "aws"])

    assert json.loads(told.stdout)["Version"] == "2012-10-17"
    assert "aws iam create-policy" in told.stderr
    assert "dcplan init" in told.stderr


def test_a_document_that_is_not_there_is_refused_with_those_that_are(planned: Path) -> None:
    """A name that was mistyped ends with 1 and the names that there are."""
    told = CliRunner(env={"BUCKET": "my-state"}).invoke(cli, ["iam", str(planned), "-only", "azure"])

    assert told.exit_code == 1
    assert "aws, gcp-key" in told.stderr
