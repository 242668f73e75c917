"""Projects for ``clouds.py``: one model served on machines of one accelerator, on a cloud or on racks."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from measuring import once

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from aws_cloud import AwsCloud, aws_cloud
from gcp_cloud import GcpCloud, gcp_cloud

MOST_OVER = 1.05
"""How many times the machines that are wanted there may be."""
ROUNDS = 30

DOCUMENT = """\
project: bench
providers:
  PROVIDER
workloads:
  chat:
    kind: serve
    model: llama-3.1-8b
    traffic: {requests_per_s: RATE, prompt_tokens: 800, output_tokens: 200}
    sla: {ttft: {p95: 5s}, tpot: {p95: 100ms}}
    constraints: {accelerators: [ACCELERATOR], precisions: [fp8]}
"""
LOCAL = "local: {datacenter: datacenter.yaml}"
DATACENTER = """\
name: bench
region: bench
machines:
  one: {accelerator: ACCELERATOR, devices: 1, vcpus: 16, memory: 128GiB, network: 100Gbit/s, fabric: RoCE,
        price: $1/h}
zones:
  z1: {racks: {count: 50, machine: one, nodes: 8}}
"""


@dataclass(frozen=True, slots=True)
class Served:
    """A cloud on this machine."""

    name: str
    provider: str
    """Its line of a document."""
    accelerator: str
    environ: Mapping[str, str]
    server: AwsCloud | GcpCloud

    def asked(self) -> int:
        """How many calls have come so far."""
        return len(self.server.calls() if isinstance(self.server, AwsCloud) else self.server.seen)

    def latency(self, seconds: float) -> None:
        """Of each call from now on."""
        self.server.weather(latency_s=seconds)


@contextmanager
def served(name: str) -> Iterator[Served]:
    """``aws`` or ``gcp``, empty, until the block ends."""
    if name == "aws":
        with aws_cloud() as aws:
            yield Served(name, "aws: {regions: [us-east-1], spot: false}", "L40S", aws.environ, aws)
    else:
        with gcp_cloud() as gcp:
            yield Served(name, "gcp: {regions: [us-central1], spot: false}", "L4", gcp.variables, gcp)


def environment(base: Mapping[str, str], cloud: Served) -> dict[str, str]:
    """That of commands which ask this cloud, and nobody else."""
    others = ("AWS_", "GOOGLE_", "CLOUDSDK_")
    return {**{k: v for k, v in base.items() if not k.startswith(others)}, **cloud.environ}


def fleet(
    folder: Path, cloud: Served, machines: int, dcplan: Sequence[str], env: Mapping[str, str]
) -> tuple[int, float]:
    """A project on the cloud with at least so many machines and few more; how many, and for what rate.

    How many a rate needs is for dcplan to say, so the rate is found by planning.
    """
    folder.mkdir()
    low, high, rate = 0.0, float("inf"), float(machines)
    for _ in range(ROUNDS):
        write(folder, cloud.provider, cloud.accelerator, rate)
        found = planned(folder, dcplan, env)
        if machines <= found <= machines * MOST_OVER:
            return found, rate
        low, high = (rate, high) if found < machines else (low, rate)
        rate = rate * machines / max(found, 1) if high == float("inf") else (low + high) / 2
    raise RuntimeError(f"No rate gives {machines} machines; the last gave {found}.")


def write(folder: Path, provider: str, accelerator: str, rate: float) -> None:
    """The document, and racks for where it is planned on them."""
    text = DOCUMENT.replace("PROVIDER", provider).replace("RATE", f"{rate:.3f}")
    (folder / "dcplan.yaml").write_text(text.replace("ACCELERATOR", accelerator), encoding="utf-8")
    racks = DATACENTER.replace("ACCELERATOR", accelerator)
    (folder / "datacenter.yaml").write_text(racks, encoding="utf-8")


def planned(folder: Path, dcplan: Sequence[str], env: Mapping[str, str]) -> int:
    """How many machines the plan has."""
    _, text = once([*dcplan, "plan", "-json"], folder, env)
    kinds = [change["address"].split(".")[1] for change in json.loads(text)["changes"]]
    return sum(kind in {"instance", "machine"} for kind in kinds)


def on_racks(folder: Path, cloud: Served, rate: float) -> None:
    """The same model for the same rate on the local data centre, with the same accelerators."""
    folder.mkdir()
    write(folder, LOCAL, cloud.accelerator, rate)
