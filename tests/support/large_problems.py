"""Placement problems of real size: many workloads on many pools, with capacities that bind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dcplan.placement import Choice, Pool, Problem, SpreadRule, Workload

MACHINES = ((8, 98.0, 1.0), (8, 63.0, 0.62), (8, 41.0, 0.4), (4, 11.0, 0.12), (8, 13.0, 0.1), (16, 55.0, 0.5))
"""Devices, dollars per hour and how much one device carries, of each machine type."""
ZONES = 3
SHARES = (1, 2, 4)


def unstructured(workloads: int, choices: int, pools: int, *, seed: int = 0, fill: float = 0.7) -> Problem:
    """Every workload with so many choices, each on the pools of one machine type; ``fill`` of all wanted.

    One workload in ten is a gang, one in five is spread over two zones, and half of the choices share
    machines.  The cheapest pools are too small for all who want them.
    """
    rng = np.random.default_rng(seed)
    offered = _pools(rng, pools)
    names = [f"w{i:04}" for i in range(workloads)]
    ways = [way for i, name in enumerate(names) for way in _choices(rng, name, i, choices, offered)]
    told = tuple(
        Workload(
            name=name,
            origin=("workloads", name),
            spread=(SpreadRule(over="zone", at_least=2, origin=("workloads", name)),) if i % 5 == 1 else (),
        )
        for i, name in enumerate(names)
    )
    return Problem(workloads=told, pools=_with_room(rng, offered, ways, fill), choices=tuple(ways))


def grown(problem: Problem, workload: str, replicas: int) -> Problem:
    """The same problem after one workload came to need so many replicas more in each of its choices."""
    choices = tuple(
        replace(c, replicas=c.replicas + replicas) if c.workload == workload else c for c in problem.choices
    )
    return replace(problem, choices=choices)


def _pools(rng: np.random.Generator, count: int) -> list[Pool]:
    found = []
    for i in range(count):
        kind = i % len(MACHINES)
        region = i // len(MACHINES) // ZONES
        devices, usd, _ = MACHINES[kind]
        zone = f"r{region}-{i // len(MACHINES) % ZONES}"
        found.append(
            Pool(
                id=f"{zone}/m{kind}",
                provider="x",
                region=f"r{region}",
                zone=zone,
                machine=f"m{kind}",
                accelerator=f"a{kind}",
                devices=devices,
                machines=None,
                usd_per_h=round(usd * float(rng.uniform(0.8, 1.3)), 2),
            )
        )
    return found


def _choices(rng: np.random.Generator, name: str, number: int, count: int, pools: list[Pool]) -> list[Choice]:
    """Ways of one workload, all of about one strength."""
    gang = number % 10 == 0
    load = float(np.exp(rng.normal(1.0, 1.0)))
    ways = []
    for i in range(count):
        kind = int(rng.integers(len(MACHINES)))
        devices, _, each = MACHINES[kind]
        whole = gang or rng.random() < 0.5
        size = devices if whole else int(rng.choice(SHARES))
        strength = each * size / devices * float(rng.uniform(0.7, 1.2))
        replicas = max(2, int(np.ceil(load / strength)))
        ways.append(
            Choice(
                id=f"{name}/{i:03}",
                workload=name,
                pools=tuple(p.id for p in pools if p.machine == f"m{kind}"),
                replicas=1 if gang else replicas,
                devices=size * replicas if gang else size,
                machines=replicas if gang else int(whole),
                hours=720.0,
                one_pool=gang,
            )
        )
    return ways


def _with_room(
    rng: np.random.Generator, pools: list[Pool], ways: list[Choice], fill: float
) -> tuple[Pool, ...]:
    """The pools with machines: together what the workloads want at the median, over ``fill``."""
    wanted: dict[str, list[float]] = {}
    for way in ways:
        each = way.machines or way.devices / 8
        wanted.setdefault(way.workload, []).append(each * way.replicas)
    total = sum(float(np.median(sizes)) for sizes in wanted.values()) / fill
    shares = rng.dirichlet(np.full(len(pools), 2.0))
    return tuple(
        replace(pool, machines=max(1, int(total * share))) for pool, share in zip(pools, shares, strict=True)
    )
