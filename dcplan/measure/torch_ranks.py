"""Time collectives with torch.distributed: one process a rank, on this machine.

NCCL (RCCL on AMD's) joins GPUs, gloo processes on a CPU.  The processes meet
through a file, so that no port has to be free.
"""

from __future__ import annotations

import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from dcplan.measure.backend import UnsupportedError
from dcplan.measure.types import Collective, Timing

TYPES = {"bf16": torch.bfloat16, "fp32": torch.float32}
PATIENCE = timedelta(seconds=60)
"""Longer than any operation takes; a rank that waits so long has lost the others."""
SAMPLES = 5
SAMPLE_S = 2e-3
MOST_CALLS = 200
WARM_UP = 2
FINISHED = "finished.json"


def time_collectives(kind: str, cases: Sequence[Collective], budget_s: float) -> Mapping[Collective, Timing]:
    """The time of each collective that ``budget_s`` seconds suffice for.

    All have the same ranks, and an operation's sizes grow from one to the next.
    Raises UnsupportedError where the ranks cannot be started or joined.
    """
    ranks = cases[0].ranks
    if kind == "cuda" and ranks > torch.cuda.device_count():
        msg = f"{ranks} ranks want as many GPUs, and there are {torch.cuda.device_count()}"
        raise UnsupportedError(msg)
    with tempfile.TemporaryDirectory() as folder:
        try:
            mp.spawn(_rank, args=(kind, folder, tuple(cases), budget_s), nprocs=ranks, join=True)
        except (mp.ProcessRaisedException, mp.ProcessExitedException) as problem:
            last = str(problem).strip().splitlines()[-1:] or ["no reason given"]
            raise UnsupportedError(f"the ranks could not work together: {last[0]}") from problem
        found = json.loads((Path(folder) / FINISHED).read_text(encoding="utf-8"))
    return {cases[index]: Timing(seconds=s, repeats=repeats) for index, s, repeats in found}


def _rank(rank: int, kind: str, folder: str, cases: Sequence[Collective], budget_s: float) -> None:
    """One rank's life: join, time every case with the others, leave the results if it is the first."""
    start = time.perf_counter()
    where = torch.device(kind, rank) if kind == "cuda" else torch.device(kind)
    if kind == "cuda":
        torch.cuda.set_device(where)
    else:
        torch.set_num_threads(1)
    dist.init_process_group(
        "nccl" if kind == "cuda" else "gloo",
        init_method=(Path(folder) / "meeting").as_uri(),
        rank=rank,
        world_size=cases[0].ranks,
        timeout=PATIENCE,
    )
    found: list[tuple[int, float, int]] = []
    unable: set[str] = set()
    last: dict[str, tuple[float, int]] = {}
    for index, case in enumerate(cases):
        # The first rank's clock decides for all, or some would wait for ever.
        left_s = budget_s - _agreed(time.perf_counter() - start, where)
        seconds, size = last.get(case.operation, (0.0, case.full_bytes))
        if case.operation in unable or _cost_s(seconds * case.full_bytes / size) > left_s:
            continue
        try:
            seconds, repeats = _timed(_call(case, rank, where), where)
        except (RuntimeError, NotImplementedError, ValueError):
            # All ranks see the same: a gloo without all_to_all, say.
            unable.add(case.operation)
            continue
        last[case.operation] = (seconds, case.full_bytes)
        found.append((index, seconds, repeats))
    if rank == 0:
        (Path(folder) / FINISHED).write_text(json.dumps(found), encoding="utf-8")
    dist.barrier()
    dist.destroy_process_group()


def _cost_s(seconds: float) -> float:
    """What a case takes whose call takes so long."""
    return (WARM_UP + 1) * seconds + SAMPLES * max(seconds, SAMPLE_S)


def _call(case: Collective, rank: int, where: Any) -> Callable[[], None]:
    """One collective with its buffers; ``full_bytes`` is the whole buffer as nccl-tests counts it."""
    dtype = TYPES[case.precision]
    count = case.full_bytes // dtype.itemsize
    full = torch.zeros(count, dtype=dtype, device=where)
    shard = torch.zeros(count // case.ranks, dtype=dtype, device=where)
    calls: dict[str, Callable[[], Any]] = {
        "all_reduce": lambda: dist.all_reduce(full),
        "all_gather": lambda: _named("all_gather_single", "all_gather_into_tensor")(full, shard),
        "reduce_scatter": lambda: _named("reduce_scatter_single", "reduce_scatter_tensor")(shard, full),
        "all_to_all": lambda: dist.all_to_all_single(received, full),
        "send": lambda: _send(full, rank),
    }
    received = torch.empty_like(full) if case.operation == "all_to_all" else full
    return calls[case.operation]


def _named(new: str, old: str) -> Callable[..., Any]:
    """A collective by the name that this PyTorch has for it."""
    found: Callable[..., Any] = getattr(dist, new, None) or getattr(dist, old)
    return found


def _send(buffer: Any, rank: int) -> None:
    """From the first rank to the second; the others have nothing to do."""
    if rank == 0:
        dist.send(buffer, dst=1)
    elif rank == 1:
        dist.recv(buffer, src=0)


def _timed(call: Callable[[], None], where: Any) -> tuple[float, int]:
    """Median seconds of a call, the slowest rank's, and how many calls were timed."""
    for _ in range(WARM_UP):
        call()
    once_s = _sample(call, 1, where)
    calls = min(MOST_CALLS, max(1, math.ceil(SAMPLE_S / max(once_s, 1e-6))))
    samples = [_sample(call, calls, where) for _ in range(SAMPLES)]
    return statistics.median(samples), calls * SAMPLES


def _sample(call: Callable[[], None], calls: int, where: Any) -> float:
    """Mean seconds of so many calls on the slowest rank; the same number on all."""
    _wait(where)
    dist.barrier()
    start = time.perf_counter()
    for _ in range(calls):
        call()
    _wait(where)
    spent = torch.tensor((time.perf_counter() - start) / calls, device=where, dtype=torch.float32)
    dist.all_reduce(spent, op=dist.ReduceOp.MAX)
    return float(spent)


def _agreed(number: float, where: Any) -> float:
    """The first rank's number, on all ranks."""
    told = torch.tensor(number, device=where, dtype=torch.float32)
    dist.broadcast(told, src=0)
    return float(told)


def _wait(where: Any) -> None:
    if where.type == "cuda":
        torch.cuda.synchronize()
