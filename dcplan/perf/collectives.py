"""Time of collectives: bytes on the wire per rank over reached bandwidth, and hops times latency.

A group of ``ranks`` devices has ``inside`` of them in each scale-up domain.
Rings and trees inside a domain and between domains run at the same time on
different chunks, so that the slower of the two counts and not their sum.

Sources: Thakur, Rabenseifner and Gropp 2005 (doi 10.1177/1094342005051521) for
the costs, nccl-tests doc/PERFORMANCE.md for bus bandwidth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.perf.numbers import Num, larger, log2, smaller, up, where

if TYPE_CHECKING:
    from dcplan.perf.device import Wires

SLOW_START = 2.0
"""Extra cost of the first ``ramp_bytes``: NCCL's low-latency protocols reach a third of full speed."""


def inside_domain(ranks: Num, stride: Num, wires: Wires) -> Num:
    """How many of ``ranks`` devices, each ``stride`` apart, share one scale-up domain."""
    fit = (wires.domain // stride) if isinstance(stride, int) else up((wires.domain - stride + 1) / stride)
    return larger(1.0, smaller(ranks, fit))


def hops(ranks: Num) -> Num:
    """Steps of a ring or of a tree there and back, whichever has fewer."""
    return smaller(ranks - 1, 2 * log2(larger(ranks, 1.0)))


def latency_s(ranks: Num, inside: Num, wires: Wires, passes: float) -> Num:
    """Fixed cost of a collective of so many passes; nothing for a group of one."""
    walk = hops(inside) * wires.hop_s + hops(up(ranks / inside)) * wires.out_hop_s
    return where(ranks > 1, wires.launch_s + passes * walk, 0.0)


def ramped(size_bytes: Num, ramp_bytes: Num) -> Num:
    """Bytes at full speed that take as long as these do with their slow start."""
    return size_bytes + SLOW_START * smaller(size_bytes, ramp_bytes)


def all_reduce_s(size_bytes: Num, ranks: Num, inside: Num, wires: Wires) -> Num:
    """Sum a buffer of ``size_bytes`` over all ranks: 2 (n-1)/n of it passes each link."""
    domains = up(ranks / inside)
    near, far = ramped(size_bytes, wires.ramp_bytes), ramped(size_bytes, wires.out_ramp_bytes)
    within = 2 * near * (inside - 1) / inside / wires.allreduce_bytes_per_s
    between = 2 * far * (domains - 1) / domains / (inside * wires.out_bytes_per_s)
    return latency_s(ranks, inside, wires, 2.0) + larger(within, between)


def all_gather_s(size_bytes: Num, ranks: Num, inside: Num, wires: Wires) -> Num:
    """Gather to (or reduce and scatter) a buffer of ``size_bytes``: (n-1)/n of it passes each link."""
    share = (ranks - 1) / ranks
    near, far = ramped(size_bytes, wires.ramp_bytes), ramped(size_bytes, wires.out_ramp_bytes)
    within = where(inside > 1, near * share / wires.allgather_bytes_per_s, 0.0)
    between = where(ranks > inside, far * share / (inside * wires.out_bytes_per_s), 0.0)
    return latency_s(ranks, inside, wires, 1.0) + larger(within, between)


def all_to_all_s(size_bytes: Num, ranks: Num, inside: Num, wires: Wires) -> Num:
    """Every rank sends each other one its share of ``size_bytes``; all messages are under way at once."""
    near, far = ramped(size_bytes, wires.ramp_bytes), ramped(size_bytes, wires.out_ramp_bytes)
    within = near * (inside - 1) / ranks / wires.alltoall_bytes_per_s
    between = far * (ranks - inside) / ranks / wires.out_bytes_per_s
    hop = where(ranks > inside, wires.out_hop_s, wires.hop_s)
    return where(ranks > 1, wires.launch_s + hop, 0.0) + larger(within, between)


def send_s(size_bytes: Num, distance: Num, wires: Wires) -> Num:
    """Send to the device ``distance`` further on: over scale-up links when the domain reaches it."""
    near = distance < wires.domain
    rate = where(near, wires.alltoall_bytes_per_s, wires.out_bytes_per_s)
    return where(near, wires.hop_s, wires.out_hop_s) + size_bytes / rate
