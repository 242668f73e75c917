"""Time of collectives: bytes on the wire per rank over reached bandwidth, and hops times latency.

A group of ``ranks`` devices has ``inside`` of them in each scale-up domain.
Rings and trees inside a domain and between domains run at the same time on
different chunks, so that the slower of the two counts and not their sum.  All
arguments are numbers or arrays with one entry for each layout; ``size_bytes`` is
the full buffer.

Sources: Thakur, Rabenseifner and Gropp 2005 (doi 10.1177/1094342005051521) for
the costs, nccl-tests doc/PERFORMANCE.md for bus bandwidth, jax-ml scaling-book
("How to Think About TPUs", "Sharded Matrices") for tori.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.perf.numbers import Num, larger, log2, power, smaller, up, where

if TYPE_CHECKING:
    from dcplan.perf.device import Wires

CROWD = 8.0
"""Ranks in the group for which shares of links without a switch are given.  Definition: part of what the
figure ``crowding_factor`` means in the efficiency table."""

NEVER = 1e-3
"""Bytes/s of a way that a collective can not take: slower than any other.  Numerical guard: keeps a division
by a bandwidth of 0 finite."""


def inside_domain(ranks: Num, stride: Num, wires: Wires) -> Num:
    """How many of ``ranks`` devices, each ``stride`` apart, share one scale-up domain.

    ``min(ranks, ceil((domain - stride + 1) / stride))``, at least 1.  Source: definition of groups of
    devices that are evenly spaced, the first at the start of a domain.
    """
    fit = up((wires.domain - stride + 1) / stride)
    return larger(1.0, smaller(ranks, fit))


def hops(ranks: Num) -> Num:
    """Steps of a ring or of a tree there and back, whichever has fewer: ``min(n - 1, 2 log2(n))``.

    Source: Thakur, Rabenseifner and Gropp 2005 (doi 10.1177/1094342005051521).
    """
    return smaller(ranks - 1, 2 * log2(larger(ranks, 1.0)))


def latency_s(ranks: Num, inside: Num, wires: Wires, passes: float) -> Num:
    """Fixed cost of a collective of so many passes; nothing for a group of one.

    ``launch_s + passes x (hops(inside) hop_s + hops(ranks / inside) out_hop_s)``.  Source: Thakur et al.
    2005 (the alpha of the alpha-beta model), one alpha for each kind of link.
    """
    walk = hops(inside) * wires.hop_s + hops(up(ranks / inside)) * wires.out_hop_s
    return where(ranks > 1, wires.launch_s + passes * walk, 0.0)


def ramped(size: Num, ramp: Num, wires: Wires) -> Num:
    """What takes as long at full speed as ``size`` does with its slow start; both in bytes or in seconds.

    ``size x (1 + slow_start x ramp / (size + ramp))``: ``1 + slow_start`` times as much while it is
    small, ``slow_start x ramp`` more once it is large.  Chunks must fill a ring's pipeline first, and
    protocols of low latency send a flag with each few bytes of data.  Source: own form, fitted to the
    measured curves of time over size that the figures name.
    """
    return size * (1 + wires.slow_start * ramp / (size + ramp))


def torus_side(wires: Wires) -> Num:
    """Devices along one axis of a cubic slice, ``domain^(1 / axes)``: all of them where there is no torus.

    Source: definition.
    """
    return power(wires.domain, 1 / wires.torus_axes)


def ring_share(ranks: Num, wires: Wires) -> Num:
    """Share of a device's scale-up links that a ring of ``ranks`` neighbours can use; 1 behind a switch.

    ``min(ceil(log(ranks) / log(side)), axes) / axes``: on a torus a group has the links of the axes that
    it spreads over; along an axis that it does not fill, or that has no wrap-around, half of them (a
    line, not a ring).  Source: jax-ml scaling-book 2025, "How to Think About TPUs" and "Sharded Matrices".
    """
    side = larger(torus_side(wires), 2.0)
    # A little below a whole number of axes is that number: logarithms are not exact.
    axes = up(log2(larger(ranks, 2.0)) / log2(side) - 1e-9)
    share = smaller(axes, wires.torus_axes) / wires.torus_axes * _closed(ranks, wires)
    return where(wires.torus_axes > 1, share, 1.0)


def _closed(ranks: Num, wires: Wires) -> Num:
    """1 where a group goes all around an axis of a torus, else a half."""
    side = torus_side(wires)
    return where((ranks >= side * (1 - 1e-9)) & (side >= wires.wrap_ranks * (1 - 1e-9)), 1.0, 0.5)


def exchange_detour(ranks: Num, wires: Wires) -> Num:
    """How often a message of an all-to-all passes a torus' links, over what a switch would make of it.

    ``min(ranks, side) x axes / 4``, twice that without wrap-around, at least 1: a message goes a quarter
    of an axis on average (else half of it), and there are two links an axis.  Source: jax-ml
    scaling-book 2025, "Sharded Matrices", AllToAll.
    """
    along = smaller(ranks, torus_side(wires))
    detour = along * wires.torus_axes / (4 * _closed(ranks, wires))
    return where(wires.torus_axes > 1, larger(1.0, detour), 1.0)


def crowded(rate_bytes_per_s: Num, ranks: Num, wires: Wires) -> Num:
    """The rate in a group of so many ranks: PCIe's shared bridges give a small group more than a large one.

    ``rate x (8 / ranks)^crowding``, never more than the link's own peak.  Source: own form, fitted to
    measured all-reduces of L40S and RTX PRO 6000 (figure ``crowding_factor``).
    """
    rate = rate_bytes_per_s * power(CROWD / larger(ranks, 2.0), wires.crowding)
    return smaller(rate, wires.link_bytes_per_s)


def _gather_near_s(size_bytes: Num, inside: Num, wires: Wires) -> Num:
    """A ring of all ranks of a domain, in which each rank copies its own share, too."""
    rate = crowded(wires.allgather_bytes_per_s, inside, wires) * ring_share(inside, wires)
    moved = size_bytes * (inside - 1 + wires.own_share) / inside
    return where(inside > 1, ramped(moved / rate, wires.ramp_s, wires), 0.0)


def _reduce_near_s(size_bytes: Num, inside: Num, wires: Wires) -> Num:
    """A ring there and back, or a sum inside the switch (NVLS), whichever is sooner.

    The switch pulls the whole buffer from each device and broadcasts the sums,
    of which a device sends its own share: (n+1)/n of the buffer passes each
    link, so that the bus bandwidth is at most 2 (n-1)/(n+1) of the link's.
    Source: Klenk et al. 2020 (ISCA, doi 10.1109/ISCA45697.2020.00085).
    """
    rate = crowded(wires.allreduce_bytes_per_s, inside, wires) * ring_share(inside, wires)
    ring = (2 * (inside - 1) + wires.own_share) / inside / rate
    switch = (inside + 1) / inside / larger(wires.switch_bytes_per_s, NEVER)
    return where(inside > 1, ramped(size_bytes * smaller(ring, switch), wires.ramp_s, wires), 0.0)


def _far_s(share: Num, size_bytes: Num, lanes: Num, wires: Wires) -> Num:
    """``share`` of a buffer over the network cards of ``lanes`` devices; the slow start is the buffer's."""
    slow = ramped(size_bytes, lanes * wires.out_ramp_bytes, wires)
    return share * slow / (lanes * wires.out_bytes_per_s)


def all_reduce_s(size_bytes: Num, ranks: Num, inside: Num, wires: Wires) -> Num:
    """Sum a buffer of ``size_bytes`` over all ranks, seconds.

    ``latency + max(size x 2 (n-1)/n / B, size x 2 (n-1)/n / (inside x B_out))``: twice what a gather
    sends passes each link (Thakur et al. 2005), inside the domain or, where that is sooner,
    ``size x (n+1)/n / B_switch``.  Between two domains a double tree halves the second term, for each is
    root of one tree and leaf of the other; from three on a node inside one tree sends one way up and
    two down, and a tree saves nothing over a ring.  Source: Sanders, Speck and Traeff 2009 (doi
    10.1016/j.parco.2009.09.001).
    """
    domains = up(ranks / inside)
    share = where(domains > 2, 2 * (ranks - 1) / ranks, 1.0)  # noqa: PLR2004 - one domain and its pair
    between = where(domains > 1, _far_s(share, size_bytes, inside, wires), 0.0)
    return latency_s(ranks, inside, wires, 2.0) + larger(_reduce_near_s(size_bytes, inside, wires), between)


def all_gather_s(size_bytes: Num, ranks: Num, inside: Num, wires: Wires) -> Num:
    """Gather to all (or reduce and scatter) a buffer of ``size_bytes``, seconds.

    ``latency + max(size x (n-1+own_share)/n / B, size x (n-1)/n / (inside x B_out))``, n being the ranks
    inside the domain first, then all of them.  Source: Thakur et al. 2005 (doi 10.1177/1094342005051521),
    ring; nccl-tests doc/PERFORMANCE.md for the share of the buffer.
    """
    share = (ranks - 1) / ranks
    between = _far_s(share, size_bytes, inside, wires)
    far = where(ranks > inside, between, 0.0)
    return latency_s(ranks, inside, wires, 1.0) + larger(_gather_near_s(size_bytes, inside, wires), far)


def all_to_all_s(size_bytes: Num, ranks: Num, inside: Num, wires: Wires) -> Num:
    """Every rank sends each other one its share of ``size_bytes``; all messages are under way at once.

    ``start + max(size x (inside-1+own_share)/n / B x detour, size x (n-inside)/n / B_out)``.  Source:
    Thakur et al. 2005 for long messages, without its n - 1 latencies.
    """
    rate = crowded(wires.alltoall_bytes_per_s, inside, wires)
    near = size_bytes * (inside - 1 + wires.own_share) / ranks / rate * exchange_detour(inside, wires)
    within = where(inside > 1, ramped(near, wires.ramp_s, wires), 0.0)
    between = _far_s((ranks - inside) / ranks, size_bytes, 1.0, wires)
    return _exchange_start_s(ranks, inside, wires) + larger(within, between)


def _exchange_start_s(ranks: Num, inside: Num, wires: Wires) -> Num:
    """Fixed cost of messages that are all under way at once; nothing for a group of one."""
    return where(ranks > 1, wires.launch_s + where(ranks > inside, wires.out_hop_s, wires.hop_s), 0.0)


def reached(groups: Num, picks: Num) -> Num:
    """How many of ``groups`` at least one of ``picks`` evenly spread choices falls into.

    ``groups x (1 - (1 - 1/groups)^picks)``.  Source: definition (expected number of groups
    that are hit, choices taken as independent).
    """
    return groups * (1 - power(1 - 1 / groups, picks))


def dispatch_s(  # noqa: PLR0913, PLR0917 - the symbols of the formula
    tokens: Num, token_bytes: Num, picks: Num, ranks: Num, inside: Num, wires: Wires
) -> Num:
    """Bring ``tokens`` of a rank to their ``picks`` experts (or back), each token once to where it is wanted.

    ``start + max(T x reached(n, K) x (inside-1)/inside / B, T x reached(D, K) x (D-1)/D / B_out)``, T being
    the bytes of all tokens, K the picks and D the domains: a token passes the
    network once for each other domain that holds one of its experts, and scale-up
    links once for each rank that does.  Evenly routed tokens, no limit on the
    domains of a token.  The kernels' own copies hold it to a share of an
    all-to-all's bandwidth.  Source: DeepSeek-V3 (arXiv 2412.19437) section 3.2.2
    and DeepEP for the two steps.
    """
    domains = up(ranks / inside)
    copies = reached(ranks, picks) * (inside - 1) / inside
    rate = crowded(wires.dispatch_bytes_per_s, inside, wires)
    near = tokens * token_bytes * copies / rate * exchange_detour(inside, wires)
    away = reached(domains, picks) * (domains - 1) / domains
    far = _far_s(away, tokens * token_bytes, 1.0, wires)
    within = where(inside > 1, ramped(near, wires.ramp_s, wires), 0.0)
    both = larger(within, where(domains > 1, far, 0.0))
    return _exchange_start_s(ranks, inside, wires) + both


def send_s(size_bytes: Num, distance: Num, wires: Wires) -> Num:
    """Send to the device ``distance`` further on: over scale-up links when the domain reaches it.

    ``launch_s + hop + size / B``; on a torus one of the two links of one axis leads there.  Source: Thakur
    et al. 2005 (doi 10.1177/1094342005051521).
    """
    near = distance < wires.domain
    one = where(wires.torus_axes > 1, 0.5 / wires.torus_axes, 1.0)
    within = ramped(size_bytes / (wires.alltoall_bytes_per_s * one), wires.ramp_s, wires)
    moving = where(near, within, _far_s(1.0, size_bytes, 1.0, wires))
    return wires.launch_s + where(near, wires.hop_s, wires.out_hop_s) + moving
