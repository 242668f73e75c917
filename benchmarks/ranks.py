"""Ranks on racks: bytes that leave racks with ranks chosen, beside racks filled in order and taking turns.

    python benchmarks/ranks.py [--draws N]

Each draw is a block of 12 racks of up to 16 free machines and one to three jobs of two to eight stages, whose
rings send 1 GB and whose boundaries 50 MB a machine and step.  All three ways seat the same jobs; bytes are
counted ring by ring and pipeline by pipeline by the check of ``placement.gangs``, which shares no code.
In the means, nothing at all counts as one boundary.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections import Counter

import numpy as np

from dcplan.perf.types import Between
from dcplan.placement.gangs.types import Gang
from dcplan.placement.gangs.verify import sent
from dcplan.placement.ranked import Racks, better_ranked, by_turns

RACKS, MACHINES = 12, 16
RING_BYTES, BOUNDARY_BYTES = 1e9, 50e6


def jobs(rng: np.random.Generator) -> dict[str, Between]:
    """One to three jobs."""
    return {
        f"job-{i}": Between(
            stages=int(rng.integers(2, 9)),
            members=int(rng.integers(2, 9)),
            group=1,
            ring_bytes=RING_BYTES,
            boundary_bytes=BOUNDARY_BYTES,
            group_bytes=0.0,
        )
        for i in range(int(rng.integers(1, 4)))
    }


def in_order(asked: dict[str, Between], room: dict[str, int]) -> dict[str, Racks] | None:
    """Largest job first, the tightest rack that holds it, else the fullest ones one after the other."""
    left, found = Counter(room), {}
    for name in sorted(asked, key=lambda n: -asked[n].machines):
        places: list[str] = []
        while (missing := asked[name].machines - len(places)) > 0:
            holding = [rack for rack in sorted(left) if left[rack] >= missing]
            rack = (
                min(holding, key=lambda r: left[r]) if holding else max(sorted(left), key=lambda r: left[r])
            )
            if left[rack] == 0:
                return None
            count = min(missing, left[rack])
            places += [rack] * count
            left[rack] -= count
        found[name] = tuple(places)
    return found


def leaving(asked: dict[str, Between], seats: dict[str, Racks]) -> float:
    """Bytes out of all racks in a step."""
    total = 0.0
    for name, racks in seats.items():
        one = asked[name]
        gang = Gang(
            name=name,
            stages=one.stages,
            data=one.members,
            ring_bytes=one.ring_bytes,
            boundary_bytes=one.boundary_bytes,
        )
        nodes = [str(i) for i in range(len(racks))]
        total += sum(sent(gang, nodes, dict(zip(nodes, racks, strict=True))).values())
    return total


def main() -> int:
    """Print the geometric means; 1 if ranks ever cost bytes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--draws", type=int, default=40)
    rng, ratios, turns, worse = np.random.default_rng(0), [], [], 0
    draws, started = parser.parse_args().draws, time.process_time()
    while len(ratios) < draws:
        asked = jobs(rng)
        room = {f"r{i:02}": int(n) for i, n in enumerate(rng.integers(0, MACHINES + 1, RACKS))}
        before = in_order(asked, room)
        if before is None or leaving(asked, before) == 0:
            continue
        after = dict(better_ranked(before, asked, room) or before)
        ours, plain = leaving(asked, after), leaving(asked, before)
        worse += ours > plain
        ratios.append(math.log(max(ours, BOUNDARY_BYTES) / plain))
        turns.append(
            math.log(max(ours, BOUNDARY_BYTES) / leaving(asked, {n: by_turns(r) for n, r in before.items()}))
        )
    saved, saved_turns = (1 - math.exp(float(np.mean(logs))) for logs in (ratios, turns))
    seconds = (time.process_time() - started) / draws
    sys.stdout.write(
        f"{draws} halls whose jobs lie in several racks: {saved:.1%} fewer bytes leave racks than when\n"
        f"racks are filled in order, {saved_turns:.1%} fewer than when racks take turns (geometric means); "
        f"more in {worse}; {seconds:.2f} CPU-s each\n"
    )
    return int(worse > 0)


if __name__ == "__main__":
    sys.exit(main())
