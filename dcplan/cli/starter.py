"""A first document and a first data centre, for somebody who starts with an empty folder."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = """\
# What to run, and what is promised.  Every key: docs/document.md, or dcplan schema document
project: assistant

variables:
  ttft: {type: duration, default: 800ms}     # try: dcplan plan -var ttft=400ms

providers:
  local: {datacenter: datacenter.yaml}       # plans on your racks, simulates them on apply

workloads:
  chat:
    kind: serve
    model: llama-3.1-70b                     # of the catalogue; or describe yours under models
    traffic: {requests_per_s: 20/s, prompt_tokens: 1200, output_tokens: 250}
    sla:
      ttft: {p95: "${var.ttft}"}             # time to first token
      tpot: {p95: 40ms}                      # time per further token
      availability: 99.9%
    constraints: {precisions: [bf16, fp8]}
"""
DATACENTER = """\
# Your racks: what stands where, how it is joined, what an hour of a machine costs you.
name: fra1
region: eu-frankfurt
site: {country: germany, place: frankfurt, carbon: 280g/kWh, pue: 1.25}    # for residency, users and CO2e

machines:
  h100x8: {accelerator: H100, devices: 8, vcpus: 192, memory: 2TiB, network: 3200Gbit/s,
           fabric: RoCE, price: $18/h}

links:
  rack: {latency: 2us}
  block: {oversubscription: 2, latency: 5us}

zones:
  fra1-a:
    blocks:
      a1: {racks: {count: 4, machine: h100x8, nodes: 4}}
"""
FILES = {"dcplan.yaml": DOCUMENT, "datacenter.yaml": DATACENTER}


def write_example(folder: Path) -> None:
    """Write the two files into ``folder``; FileExistsError, and nothing written, when one is there."""
    for name in (*FILES, "dcplan.d"):
        if (folder / name).exists():
            raise FileExistsError(errno.EEXIST, "is there already", name)
    for name, text in FILES.items():
        with (folder / name).open("x", encoding="utf-8") as file:
            file.write(text)
