"""A floor of 101,376 GPUs and about 10,000 workloads with 1,000 gangs, spread, quotas and affinity.

    python benchmarks/hierarchy_100k.py [--gangs N] [--gang-share X] [--pods N] [--seed N] [--check]

33 pods x 12 leaves x 32 machines x 8 GPUs, 98 % asked for.  Gangs have odd sizes (2 to over 1,000 machines,
few of them powers of two), one in twenty must be in one leaf or one pod; some services are spread over pods,
some gangs are to be with or apart from others, and two of a dozen teams ask for more than their quotas.
Afterwards a check that shares nothing with the search looks at every rule, and at every gang: its domains
are counted beside the fewest that its size allows on an empty floor.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from dcplan.placement.gangs import Domain, Fabric, Gang, Node, Quota, Seats, Spread, Tie, place_floor
from dcplan.placement.gangs.verify import violations

LEAVES, LEAF_NODES, GPUS = 12, 32, 8
FILL = 0.98
GANG_SHARE = 0.68
"""Of all GPUs that are asked for, in gangs of whole machines; the more, the harder."""
TEAMS = 12
SMALL = ((1, 0.62), (2, 0.14), (3, 0.05), (4, 0.10), (5, 0.03), (6, 0.03), (7, 0.03))
"""GPUs of a small workload, and how often."""
GOAL_S = 30.0


def fabric(pods: int) -> Fabric:
    """Pods of leaves of machines; 400 Gbit/s a GPU, 1:4 out of a leaf and 1:8 out of a pod."""
    node = GPUS * 50e9
    domains, nodes = [], []
    for pod in range(pods):
        up = LEAVES * LEAF_NODES * node / 8
        domains.append(Domain(name=f"p{pod:03}", level="pod", parent=None, uplink_bytes_per_s=up))
        for leaf in range(LEAVES):
            name = f"p{pod:03}-l{leaf:02}"
            up = LEAF_NODES * node / 4
            domains.append(Domain(name=name, level="leaf", parent=f"p{pod:03}", uplink_bytes_per_s=up))
            nodes += [Node(name=f"{name}-n{i:02}", domain=name) for i in range(LEAF_NODES)]
    return Fabric(levels=("pod", "leaf"), domains=tuple(domains), nodes=tuple(nodes), devices_per_node=GPUS)


def asked_for(where: Fabric, count: int, share: float, seed: int) -> list[Gang]:
    """So many gangs, which ask for most GPUs; the rest services and single workloads."""
    rng = np.random.default_rng(seed)
    budget = len(where.nodes) * FILL
    sizes = gang_sizes(rng, count, int(budget * share))
    gangs = [one_gang(rng, i, size) for i, size in enumerate(sizes)]
    for i in range(0, len(gangs) - 1, 25):
        apart = i % 50 == 0
        small = gangs[i + 1].nodes <= LEAF_NODES
        tie = Tie(other=gangs[i].name, level="leaf" if apart and small else "pod", apart=apart)
        if gangs[i].nodes + gangs[i + 1].nodes <= LEAVES * LEAF_NODES:
            gangs[i + 1] = plain(gangs[i + 1], ties=(tie,))
    left = int((budget - sum(sizes)) * GPUS)
    return [*gangs, *small_ones(rng, left)]


def gang_sizes(rng: np.random.Generator, count: int, nodes: int) -> list[int]:
    """Odd sizes, log-normal, together about so many machines; few are larger than a pod."""
    raw = np.exp(rng.normal(0, 1.6, count))
    sizes = np.clip((raw / raw.sum() * nodes).astype(int), 2, 1100)
    sizes[: count // 3] |= 1
    return [int(size) for size in sizes]


def one_gang(rng: np.random.Generator, number: int, size: int) -> Gang:
    """A gang with its team, and now and then a required level."""
    required = None
    if rng.random() < 0.05:  # noqa: PLR2004 - one in twenty
        required = "leaf" if size <= LEAF_NODES else "pod" if size <= LEAVES * LEAF_NODES else None
    return Gang(
        name=f"gang-{number:05}",
        data=size,
        ring_bytes=2e9 * size,
        priority=int(rng.integers(0, 3)),
        required=required,
        quota=f"team-{number % TEAMS}",
    )


def plain(gang: Gang, *, ties: tuple[Tie, ...]) -> Gang:
    """The same with ties."""
    return Gang(
        name=gang.name,
        data=gang.data,
        ring_bytes=gang.ring_bytes,
        priority=gang.priority,
        required=gang.required,
        quota=gang.quota,
        ties=ties,
    )


def small_ones(rng: np.random.Generator, gpus: int) -> list[Gang]:
    """Services of some replicas, half of them spread over three pods, until no GPU is left to ask for."""
    sizes, odds = zip(*SMALL, strict=True)
    out: list[Gang] = []
    while gpus > 0:
        devices = int(rng.choice(sizes, p=odds))
        replicas = 3 + int(rng.poisson(3)) if rng.random() < 0.1 else 1  # noqa: PLR2004 - one in ten
        replicas = max(min(replicas, gpus // devices), 1)
        spread = Spread(level="pod", at_least=3) if replicas >= 3 and rng.random() < 0.5 else None  # noqa: PLR2004
        out.append(
            Gang(
                name=f"service-{len(out):05}",
                data=replicas,
                devices=devices,
                spread=spread,
                quota=f"team-{len(out) % TEAMS}",
            )
        )
        gpus -= devices * replicas
    return out


def quotas_of(gangs: list[Gang], seed: int) -> list[Quota]:
    """Every team may have what it asks for, but for two, which ask for a twentieth too much."""
    asked: Counter[str] = Counter()
    for gang in gangs:
        asked[gang.quota or ""] += gang.nodes * (gang.devices or GPUS)
    short = {f"team-{seed % TEAMS}", f"team-{(seed + 5) % TEAMS}"}
    return [
        Quota(name=name, devices=int(devices * (0.95 if name in short else 1)))
        for name, devices in asked.items()
    ]


def avoidable_splits(where: Fabric, gangs: list[Gang], seats: Seats) -> dict[str, int]:
    """For each level: gangs in more domains than the fewest that could hold them on an empty floor."""
    sizes: dict[str, Counter[str]] = {level: Counter() for level in where.levels}
    path: dict[str, dict[str, str]] = {}
    parents = {domain.name: domain.parent for domain in where.domains}
    for node in where.nodes:
        path[node.name] = {"leaf": node.domain, "pod": parents[node.domain] or ""}
        for level, domain in path[node.name].items():
            sizes[level][domain] += 1
    rules = {gang.name: gang for gang in gangs}
    out = dict.fromkeys(where.levels, 0)
    for seat in seats.seats:
        gang = rules[seat.gang]
        if gang.spread is not None or gang.devices not in {None, GPUS}:
            continue
        for level in where.levels:
            fewest = -(-len(seat.nodes) // max(sizes[level].values()))
            out[level] += len({path[node][level] for node in seat.nodes}) > fewest
    return out


def main() -> int:
    """Place one floor; 1 with ``--check`` when a goal is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pods", type=int, default=33)
    parser.add_argument("--gangs", type=int, default=1_000)
    parser.add_argument("--gang-share", type=float, default=GANG_SHARE)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--check", action="store_true", help="exit 1 when a goal is missed")
    options = parser.parse_args()
    where = fabric(options.pods)
    gangs = asked_for(where, options.gangs, options.gang_share, options.seed)
    quotas = quotas_of(gangs, options.seed)
    wall, cpu = time.perf_counter(), time.process_time()
    seats = place_floor(where, gangs, quotas=quotas).unwrap()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    wrong = violations(where, gangs, (), seats, quotas)
    splits = avoidable_splits(where, gangs, seats)
    full = [r for r in seats.refused if "quota" not in r.why]
    total, by_name = len(where.nodes) * GPUS, {g.name: g for g in gangs}
    asked = sum(g.nodes * (g.devices or GPUS) for g in gangs)
    row = {
        "gpus": total,
        "asked_gpus": asked,
        "workloads": len(gangs),
        "filled": round(
            sum(len(s.nodes) * (by_name[s.gang].devices or GPUS) for s in seats.seats) / total, 4
        ),
        "gangs": sum(g.devices is None and g.nodes > 1 for g in gangs),
        "largest_nodes": max(g.nodes for g in gangs if g.devices is None),
        "spread": sum(g.spread is not None for g in gangs),
        "tied": sum(bool(g.ties) for g in gangs),
        "over_quota": len(seats.refused) - len(full),
        "refused": len(full),
        "avoidable_splits": splits,
        "rules_broken": len(wrong),
        "cpu_s": round(cpu, 2),
        "wall_s": round(wall, 2),
    }
    for name, value in row.items():
        print(f"{name:<18}{value}")
    if options.json is not None:
        options.json.write_text(json.dumps(row, indent=2) + "\n", encoding="utf-8")
    missed = list(wrong[:3])
    missed += [f"{n} avoidable splits over {level}s" for level, n in splits.items() if n]
    missed += [f"{len(full)} workloads without a seat"] * bool(full) + [f"{cpu:.1f} CPU-s"] * (cpu > GOAL_S)
    print(f"Goals missed: {'; '.join(missed)}." if missed else "All goals are met.")
    return 1 if missed and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
