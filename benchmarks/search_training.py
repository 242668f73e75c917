"""Search for training layouts, beside what Calculon (Isaev et al. 2023) took for the same searches.

    python benchmarks/search_training.py [--runs N] [--json FILE] [--check]

Each search runs in a process of its own, so that its CPU seconds have everything in them: starting Python,
reading the catalogue, going through the layouts, printing.  The second table evaluates every layout that
fits, without the lower bound, on more and more devices: the time for one layout must not grow.

Settings: GPT-3 175B and Megatron 1T of Narayanan et al. 2021 (arXiv 2104.04473) table 1, bf16, sequences of
2,048 tokens, global batch 1,536 and 3,072; the A100 machines have 200 Gbit/s a device, as Calculon's
``a100_80g.json``.  Calculon's seconds and MFUs are those of pruned searches of these models on so many
devices; with which batch is not known, so that MFUs stand side by side and prove nothing.  The candidates
that it tried are counted from the loops of its ``llm-optimal-execution`` for our batch, with one network for
each kind of parallelism and without offloading; all networks and offloading make millions of them.  A split
that a rule turns away counts as one of ours.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from measuring import once

from dcplan.basis import Basis
from dcplan.catalog import load_accelerators, load_catalog_model, load_machines
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.perf.parameters import parameters_of, training_flops_per_token
from dcplan.sharding.question import TrainingQuestion, look
from dcplan.sharding.rank_training import best_training_layouts
from dcplan.sharding.survey import Wanted
from dcplan.sharding.types import MachineClass
from dcplan.topology.types import Link, PoolLinks

if TYPE_CHECKING:
    from dcplan.catalog.types import Machine

GOAL_CPU_S = 1.0
GOAL_LAYOUTS_PER_S = 1e5
GOAL_GROWTH = 1.5
"""How many times longer one layout may take among the most than among the fewest."""

A100_NETWORK_BYTES_PER_S = 8 * 25e9
SEQUENCE = 2048
GROWING = (128, 256, 512, 1024, 2048)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One search, and what Calculon made of it."""

    name: str
    model: str
    machine: str
    devices: int
    batch: int
    calculon_cpu_s: float
    calculon_mfu: float
    calculon_tried: int

    @property
    def question(self) -> TrainingQuestion:
        """The same for dcplan, over everything that any framework can do."""
        model = load_catalog_model(self.model)
        machine = load_machines("aws")[self.machine]
        if model is None:
            raise LookupError(self.model)
        if self.machine.startswith("p4"):
            machine = replace(machine, network_bytes_per_s=A100_NETWORK_BYTES_PER_S)
        return TrainingQuestion(
            model=model,
            machines=machines_of(machine, self.devices // machine.devices),
            devices=self.devices,
            sequence_tokens=SEQUENCE,
            global_batch_sequences=self.batch,
            beyond_software=True,
        )


def machines_of(machine: Machine, count: int) -> MachineClass:
    """So many machines, linked as their datasheets say, without any topology above them."""
    chip = load_accelerators()[machine.accelerator]
    network = machine.network_bytes_per_s / machine.devices
    links = PoolLinks(
        pool=machine.name,
        scale_up_domain=machine.scale_up_domain,
        scale_up=Link(bytes_per_s=chip.scale_up_bytes_per_s, latency_s=2e-6, basis=Basis.ROOFLINE),
        scale_out=Link(bytes_per_s=network, latency_s=1e-5, basis=Basis.ASSUMED),
    )
    return MachineClass(machine=machine, accelerator=chip, links=links, pools=(machine.name,), machines=count)


def case(
    name: str, model: str, place: tuple[str, int], batch: int, calculon: tuple[float, float, int]
) -> Case:
    """A row of the table."""
    return Case(
        name=name,
        model=model,
        machine=place[0],
        devices=place[1],
        batch=batch,
        calculon_cpu_s=calculon[0],
        calculon_mfu=calculon[1],
        calculon_tried=calculon[2],
    )


CASES = (
    case("175B, 64 A100", "gpt-3-175b", ("p4de.24xlarge", 64), 1536, (201, 0.617, 212_432)),
    case("175B, 64 H100", "gpt-3-175b", ("p5.48xlarge", 64), 1536, (207, 0.464, 212_432)),
    case("175B, 1,024 A100", "gpt-3-175b", ("p4de.24xlarge", 1024), 1536, (435, 0.621, 217_404)),
    case("1T, 512 A100", "megatron-1t", ("p4de.24xlarge", 512), 3072, (141, 0.657, 259_996)),
)


GROWING_CASE = case("8B", "llama-3.1-8b", ("p5.48xlarge", 128), 1536, (0, 0, 0))


def main() -> int:
    """Run every search several times; 1 with ``--check`` when a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=3, help="how often each search runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    parser.add_argument("--one", type=int, metavar="N", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        print(json.dumps(searched(CASES[options.one])))
        return 0
    rows = [measured(index, options.runs) for index in range(len(CASES))]
    grown = [growth(devices) for devices in GROWING]
    missed = verdict(rows, grown)
    if options.json is not None:
        options.json.write_text(
            json.dumps({"searches": rows, "growth": grown}, indent=2) + "\n", encoding="utf-8"
        )
    return 1 if missed and options.check else 0


def searched(one: Case) -> dict[str, object]:
    """One search, in this process."""
    question = one.question
    found = best_training_layouts(question, load_efficiencies(), top=3).unwrap()
    best = found.best[0]
    p = parameters_of(question.model)
    causal = float(training_flops_per_token(p, float(SEQUENCE)))
    attention = causal - 6 * float(p.matmul_active)
    mfu = best.step.model_flops_utilisation
    fields = best.layout
    options = f"mb{fields.micro_batch} v{fields.virtual_stages} {fields.schedule} {fields.recompute}"
    return {
        "considered": found.search.considered,
        "fit": found.search.considered - sum(n for why, n in found.search.dropped if _before(why)),
        "evaluated": found.evaluated,
        "mfu": mfu,
        "mfu_full_attention": mfu * (causal + attention) / causal,
        "step_s": best.step.step.seconds,
        "layout": f"{fields} {options}",
    }


def _before(why: str) -> bool:
    """Whether a reason is applied before anything is evaluated."""
    return why not in {"cannot be among the best (lower bound)", "slower"}


def measured(index: int, runs: int) -> dict[str, object]:
    """One search in processes of its own: what it found, and the median of what it cost."""
    one = CASES[index]
    if not index:
        print(HEADER)
    env = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = (sys.executable, str(Path(__file__).resolve()), "--one", str(index))
    with tempfile.TemporaryDirectory(prefix="dcplan-bench-") as folder:
        tries = [once(command, Path(folder), env) for _ in range(runs + 1)][1:]
    costs = sorted(run.cpu_s for run, _ in tries)
    cpu_s = costs[len(costs) // 2]
    row: dict[str, object] = {"name": one.name, "cpu_s": cpu_s, "calculon_cpu_s": one.calculon_cpu_s}
    row |= {"calculon_mfu": one.calculon_mfu, "calculon_tried": one.calculon_tried}
    row |= {"rss_mb": max(run.rss_mb for run, _ in tries), **json.loads(tries[0][1])}
    print(
        f"{one.name:<18}{cpu_s:>7.2f}{one.calculon_cpu_s:>10.0f}{row['considered']:>12,}{one.calculon_tried:>10,}"
        f"{row['fit']:>10,}{row['evaluated']:>10,}{row['mfu']:>8.1%}{row['mfu_full_attention']:>8.1%}"
        f"{one.calculon_mfu:>10.1%}  {row['layout']}",
        flush=True,
    )
    return row


HEADER = (
    f"{'search':<18}{'CPU-s':>7}{'Calculon':>10}{'considered':>12}{'Calculon':>10}{'fit':>10}{'evaluated':>10}"
    f"{'MFU':>8}{'full':>8}{'Calculon':>10}  best layout\n"
    f"{'':<18}{'':>7}{'CPU-s':>10}{'':>12}{'tried':>10}{'':>10}{'':>10}{'causal':>8}{'attn.':>8}{'MFU':>10}"
)


def growth(devices: int) -> dict[str, float]:
    """Evaluate everything that fits on so many devices, in this process, without the lower bound."""
    question = replace(GROWING_CASE, devices=devices).question
    if devices == GROWING[0]:
        look(question, load_efficiencies(), Wanted(top=3, bounded=False))
        rates = f"{'legal/s':>12}{'evaluated/s':>13}"
        print(f"\n{'8B on H100':<18}{'legal':>12}{'evaluated':>12}{'CPU-s':>8}{rates}")
    table = load_efficiencies()
    before = time.process_time()
    _, found = look(question, table, Wanted(top=3, bounded=False))
    cpu_s = time.process_time() - before
    print(
        f"{devices:<18,}{found.legal:>12,}{found.evaluated:>12,}{cpu_s:>8.2f}{found.legal / cpu_s:>12,.0f}"
        f"{found.evaluated / cpu_s:>13,.0f}",
        flush=True,
    )
    return {"devices": devices, "legal": found.legal, "evaluated": found.evaluated, "cpu_s": cpu_s}


def verdict(rows: list[dict[str, object]], grown: list[dict[str, float]]) -> list[str]:
    """Which goals are missed, said in words."""
    missed = [f"{r['name']} took {r['cpu_s']:.2f} CPU-s" for r in rows if float(str(r["cpu_s"])) > GOAL_CPU_S]
    missed += [
        f"{r['name']} looked at fewer candidates than Calculon"
        for r in rows
        if int(str(r["considered"])) < int(str(r["calculon_tried"]))
    ]
    slowest = min(g["evaluated"] / g["cpu_s"] for g in grown)
    each = [g["cpu_s"] / g["legal"] for g in grown]
    ratio = each[-1] / each[0]
    more = grown[-1]["legal"] / grown[0]["legal"]
    print(f"\nOne of {more:.1f} times as many layouts takes {ratio:.2f} times as long.")
    if slowest < GOAL_LAYOUTS_PER_S:
        missed.append(f"{slowest:,.0f} layouts evaluated a CPU-second")
    if ratio > GOAL_GROWTH:
        missed.append("time grows faster than the number of layouts")
    print(f"Goals missed: {'; '.join(missed)}." if missed else "All goals are met.")
    return missed


if __name__ == "__main__":
    sys.exit(main())
