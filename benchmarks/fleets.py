"""Make fleets of a wanted size: for dcplan by its own plan, for Terraform of ``terraform_data``."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from measuring import Run, once

TOLERANCE = 0.02
"""How far from the wanted number of resources a fleet may be."""

INVENTORY = """\
name: bench
region: bench
source: generated
machines:
  h100x8:
    accelerator: H100
    devices: 8
    vcpus: 192
    memory: 2TiB
    network: 3200Gbit/s
    fabric: RoCE
    scale_up_domain: 8
    price: $18/h
links:
  rack: {latency: 2us}
  block: {oversubscription: 2, latency: 5us}
zones:
"""

DOCUMENT = """\
project: bench
providers:
  local: {datacenter: datacenter.yaml}
workloads:
"""

WORKLOAD = """\
  NAME:
    kind: serve
    model: MODEL
    traffic: {requests_per_s: RATE, prompt_tokens: 1000, output_tokens: 200}
    sla: {ttft: {p95: 2s}, tpot: {p95: 100ms}, availability: 99.9%}
    constraints: {precisions: [fp8], spread: {over: zone, at_least: 2}}
"""

MODELS = {"large": "llama-3.1-405b", "small": "llama-3.1-70b"}
"""One model that fills a machine with each replica, and one of which several share a machine."""


def write_fleet(folder: Path, resources: int, dcplan: Sequence[str], env: Mapping[str, str]) -> int:
    """A project whose plan makes about ``resources`` resources; gives how many exactly.

    How many replicas a rate needs is for dcplan to say, so the rate is found by
    planning and correcting.
    """
    folder.mkdir()
    # Each machine holds at least one replica, so half of the resources would do.
    _write_inventory(folder / "datacenter.yaml", machines=int(0.6 * resources))
    rate = resources / 4
    for _ in range(6):
        _write_document(folder / "dcplan.yaml", rate)
        _, text = once([*dcplan, "plan", "-json"], folder, env)
        found = len(json.loads(text)["changes"])
        if abs(found - resources) <= TOLERANCE * resources:
            return found
        rate *= resources / found
    raise RuntimeError(f"No rate gives {resources} resources; the last gave {found}.")


def _write_inventory(path: Path, *, machines: int) -> None:
    """Two zones of three blocks, racks of four, with at least so many machines."""
    racks = -(-machines // (2 * 3 * 4))
    blocks = [f"      {b}: {{racks: {{count: {racks}, machine: h100x8, nodes: 4}}}}\n" for b in "abc"]
    zones = [f"  {zone}:\n    blocks:\n{''.join(blocks)}" for zone in ("z1", "z2")]
    path.write_text(INVENTORY + "".join(zones), encoding="utf-8")


def write_hall(path: Path, *, blocks: int, racks: int) -> None:
    """Two zones of so many blocks in all, each of so many racks of four machines."""
    half = -(-blocks // 2)
    zones = []
    for zone, count in (("z1", half), ("z2", blocks - half)):
        lines = [
            f"      b{b:02}: {{racks: {{count: {racks}, machine: h100x8, nodes: 4}}}}\n" for b in range(count)
        ]
        zones.append(f"  {zone}:\n    blocks:\n{''.join(lines)}")
    path.write_text(INVENTORY + "".join(zones), encoding="utf-8")


def _write_document(path: Path, rate: float) -> None:
    """Two serving workloads, each at ``rate`` requests a second."""
    parts = [
        WORKLOAD.replace("NAME", name).replace("MODEL", model).replace("RATE", f"{rate:.3f}")
        for name, model in MODELS.items()
    ]
    path.write_text(DOCUMENT + "".join(parts), encoding="utf-8")


def apply_fleet(folder: Path, dcplan: Sequence[str], env: Mapping[str, str]) -> Run:
    """Make the fleet exist, by a real apply on the simulated data centre."""
    return once([*dcplan, "apply", "-auto-approve", "-parallelism", "64"], folder, env)[0]


def terraform_env(folder: Path, env: Mapping[str, str]) -> dict[str, str]:
    """An environment in which Terraform writes into ``folder`` only and asks nobody."""
    (folder / "terraform.rc").write_text("", encoding="utf-8")
    return {
        **env,
        "HOME": str(folder),
        "TF_CLI_CONFIG_FILE": str(folder / "terraform.rc"),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
    }


def terraform_version(folder: Path, env: Mapping[str, str]) -> str | None:
    """Which Terraform is on PATH; None without one."""
    if shutil.which("terraform", path=env.get("PATH")) is None:
        return None
    _, text = once(["terraform", "version", "-json"], folder, terraform_env(folder, env))
    return str(json.loads(text)["terraform_version"])


def write_terraform(folder: Path, resources: int, *, style: str, env: Mapping[str, str]) -> None:
    """A Terraform project with ``resources`` unchanged resources of the built-in ``terraform_data``.

    ``style`` is ``count``, as such fleets are written, or ``blocks``: one block
    a resource, which Terraform plans faster.  The state is written, not
    applied, because applying so many takes Terraform hours; that the plan then
    shows no change proves that it is right.
    """
    folder.mkdir()
    body = 'input = { zone = "z1", machine = "h100x8" }'
    if style == "count":
        text = f'resource "terraform_data" "r" {{\n  count = {resources}\n  {body}\n}}\n'
    else:
        text = "".join(f'resource "terraform_data" "r{i}" {{\n  {body}\n}}\n' for i in range(resources))
    (folder / "main.tf").write_text(text, encoding="utf-8")
    once(["terraform", "init", "-no-color"], folder, env)
    state = {
        "version": 4,
        "terraform_version": "1.0.0",
        "serial": 1,
        "lineage": str(uuid.UUID(int=1)),
        "outputs": {},
        "resources": _terraform_records(resources, style),
    }
    (folder / "terraform.tfstate").write_text(json.dumps(state), encoding="utf-8")


def _terraform_records(resources: int, style: str) -> list[dict[str, object]]:
    """The ``resources`` of a Terraform state (format version 4)."""
    kind = ["object", {"machine": "string", "zone": "string"}]
    value = {"value": {"machine": "h100x8", "zone": "z1"}, "type": kind}
    instances: list[dict[str, object]] = [
        {
            "schema_version": 0,
            "attributes": {
                "id": str(uuid.UUID(int=i)),
                "input": value,
                "output": value,
                "triggers_replace": None,
            },
            "sensitive_attributes": [],
        }
        for i in range(resources)
    ]
    head = {
        "mode": "managed",
        "type": "terraform_data",
        "provider": 'provider["terraform.io/builtin/terraform"]',
    }
    if style == "count":
        return [
            {**head, "name": "r", "instances": [{"index_key": i, **one} for i, one in enumerate(instances)]}
        ]
    return [{**head, "name": f"r{i}", "instances": [one]} for i, one in enumerate(instances)]
