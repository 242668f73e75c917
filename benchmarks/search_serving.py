"""Searches for serving layouts, beside AIConfigurator's in the same run.

    python benchmarks/search_serving.py [--runs N] [--no-peer] [--json FILE] [--check]

Each search is a process of its own: ``dcplan search serve`` and ``aiconfigurator cli default`` of
AIConfigurator 0.12.0, which is installed into an environment of its own in the temporary folder.  Both are
asked for the same model, accelerators, request lengths and bounds, with the same engine, and both look at
aggregated and disaggregated serving.  CPU seconds are user and system, all processes.

What the two find is shown beside each other, but it is no test of either: both predict, and for different
versions of the engine.  Number formats are those of the checkpoints: bf16, and blocks of fp8 for DeepSeek-V3.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from measuring import Figures, several

ROOT = Path(__file__).resolve().parent.parent
PEER = "aiconfigurator==0.12.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One search, as both are asked for it."""

    model: str
    peer_model: str
    accelerator: str
    peer_system: str
    devices: int
    form: str
    ttft_ms: int = 2000
    tpot_ms: int = 30
    goal_cpu_s: float = 1.0

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.model} on {self.devices} x {self.accelerator}"

    @property
    def own(self) -> list[str]:
        """The command of dcplan."""
        asked = [self.model, "-on", self.accelerator, "-devices", str(self.devices), "-format", self.form]
        bounds = ["-ttft", f"{self.ttft_ms}ms", "-tpot", f"{self.tpot_ms}ms"]
        lengths = ["-prompt", str(PROMPT), "-output", str(OUTPUT)]
        return [
            sys.executable,
            "-m",
            "dcplan",
            "search",
            "serve",
            *asked,
            *bounds,
            *lengths,
            "-engine",
            ENGINE,
        ]

    def peer(self, python: Path) -> list[str]:
        """The command of AIConfigurator."""
        asked = ["--model-path", self.peer_model, "--system", self.peer_system]
        sizes = ["--total-gpus", str(self.devices), "--isl", str(PROMPT), "--osl", str(OUTPUT)]
        bounds = ["--ttft", str(self.ttft_ms), "--tpot", str(self.tpot_ms), "--backend", ENGINE]
        return [str(python.parent / "aiconfigurator"), "cli", "default", *asked, *sizes, *bounds]


PROMPT, OUTPUT, ENGINE = 4000, 500, "trtllm"
LLAMA = {"form": "bf16", "model": "llama-3.1-70b", "peer_model": "meta-llama/Meta-Llama-3.1-70B"}
LARGE = {"ttft_ms": 5000, "tpot_ms": 50}
HOPPER, H100 = ("H200", "h200_sxm"), ("H100", "h100_sxm")
BLACKWELL = ("B200", "b200_sxm")


def _case(chip: tuple[str, str], devices: int, **facts: object) -> Case:
    """A case on these accelerators."""
    return Case(accelerator=chip[0], peer_system=chip[1], devices=devices, **facts)  # type: ignore[arg-type]


CASES = (
    _case(H100, 8, form="bf16", model="llama-3.1-8b", peer_model="meta-llama/Meta-Llama-3.1-8B"),
    _case(H100, 16, **LLAMA),
    _case(HOPPER, 8, **LLAMA),
    _case(BLACKWELL, 8, **LLAMA),
    _case(H100, 8, form="bf16", model="qwen3-32b", peer_model="Qwen/Qwen3-32B"),
    _case(HOPPER, 8, form="bf16", model="qwen3-30b-a3b", peer_model="Qwen/Qwen3-30B-A3B"),
    _case(HOPPER, 16, form="bf16", model="qwen3-235b-a22b", peer_model="Qwen/Qwen3-235B-A22B", **LARGE),
    _case(
        HOPPER,
        64,
        form="fp8-block",
        model="deepseek-v3",
        peer_model="deepseek-ai/DeepSeek-V3",
        goal_cpu_s=2.0,
        **LARGE,
    ),
)


def main() -> int:
    """Run all searches; 1 with ``--check`` when a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--runs", type=int, default=5, help="of dcplan; AIConfigurator runs once")
    parser.add_argument("--no-peer", action="store_true", help="leave AIConfigurator out: it takes minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    options = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory(prefix="dcplan-bench-") as name:
        folder = Path(name)
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "DCPLAN_"))}
        own = {**inherited, "PYTHONPYCACHEPREFIX": str(folder / "bytecode"), "PYTHONPATH": str(ROOT)}
        peer = None if options.no_peer else installed(folder / "peer")
        print(
            f"{'search':36}{'dcplan':>12}{'peer':>12}{'times':>8}  best of dcplan, of the peer: tokens/s each"
        )
        for case in CASES:
            figures = several(case.own, folder, own, runs=options.runs)
            results.append(told(case, figures, best_of(case, folder, own), peer, folder, inherited))
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    return int(options.check and any(one["missed"] for one in results))


def installed(folder: Path) -> Path | None:
    """The Python of an environment with AIConfigurator; None, and a word, where it cannot be had."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    done = subprocess.run(
        [str(python), "-m", "pip", "install", "-q", PEER], capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return python
    print(f"{PEER} could not be installed and is left out: {done.stderr.strip()[-200:]}")
    return None


def best_of(case: Case, folder: Path, env: dict[str, str]) -> float:
    """Output tokens/s of an accelerator in the best layout that dcplan finds."""
    done = subprocess.run(
        [*case.own, "-json"], cwd=folder, env=env, capture_output=True, text=True, check=True
    )
    return float(json.loads(done.stdout)["found"]["layouts"][0]["output_tokens_per_s_per_device"])


def told(  # noqa: PLR0913, PLR0917 - what the row says
    case: Case, figures: Figures, best: float, python: Path | None, folder: Path, env: dict[str, str]
) -> dict[str, object]:
    """Run the peer, print the row, give it for JSON."""
    cpu_s = figures.spread("cpu_s")[1]
    peer_s, peer_best = None, None
    if python is not None:
        ran = several(case.peer(python), folder, env, runs=1)
        peer_s = ran.spread("cpu_s")[0]
        output = folder / ".output"
        rows = re.findall(r"\|\s+1\s+\|\s+\w+\s+\|\s+([\d.]+)\s+\|", output.read_text(errors="replace"))
        peer_best = max((float(row) for row in rows), default=None)
    missed = cpu_s > case.goal_cpu_s
    shown = "" if peer_s is None else f"{peer_s:10.1f} s{peer_s / cpu_s:8.0f}"
    print(
        f"{case.name:36}{cpu_s:10.2f} s{shown or ' ' * 20}  {best:,.0f}, "
        f"{'unknown' if peer_best is None else f'{peer_best:,.0f}'}{'  MISSED' if missed else ''}",
        flush=True,
    )
    return {
        **asdict(case),
        "cpu_s": cpu_s,
        "peer_cpu_s": peer_s,
        "best": best,
        "peer_best": peer_best,
        "missed": missed,
    }


if __name__ == "__main__":
    sys.exit(main())
