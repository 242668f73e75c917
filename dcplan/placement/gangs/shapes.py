"""The least bytes that can leave a child which holds n nodes of a piece, for every n, exactly.

Taken alone, a child's part of a piece is a profile x[0..P-1] of nodes of each
stage.  The least of S * #{0 < x < D} + A * sum |x[s] - x[s-1]| + expert bytes
over all profiles with sum n is a shortest path over stages, with the sum so
far as state; |x - x'| makes each step two running minima, so it costs
stages x data x n.

A profile that holds more than half of the first (or last) stage needs no
border on that side.  Only one child can: so profiles are told apart by how many
ends (0, 1, 2) they hold.  Without that, the bound of a gang over k children
would count k corners instead of two.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from dcplan.placement.gangs.pieces import cut_bytes

if TYPE_CHECKING:
    from dcplan.placement.gangs.pieces import Bytes, Counts, Piece

ENDS = 3
"""A profile holds none, one or both ends."""


def least_leaving(piece: Piece, most: int) -> Bytes:
    """Least bytes for (ends held, nodes held), infinite where there is no such profile."""
    widths = piece.totals
    out = np.full((ENDS, most + 1), np.inf)
    if len(widths) == 1:
        held = np.arange(min(most, widths[0]) + 1)
        out[0, : len(held)] = _stage_bytes(piece, widths[0])[: len(held)]
        return out
    for first in (0, 1):
        table = _opening(piece, most, major=bool(first))
        for stage in range(1, len(widths)):
            table = _next_stage(piece, table, widths[stage - 1], widths[stage])
        half = widths[-1] // 2
        out[first] = np.minimum(out[first], table[: half + 1].min(axis=0))
        if half + 1 <= widths[-1]:
            out[first + 1] = np.minimum(out[first + 1], table[half + 1 :].min(axis=0))
    return out


def _stage_bytes(piece: Piece, width: int) -> Bytes:
    """Bytes of the ring and the expert groups of a stage for 0..width of its nodes."""
    held = np.arange(width + 1)
    ring = np.where((held > 0) & (held < piece.gang.data), piece.gang.ring_bytes, 0.0)
    return ring + cut_bytes(piece.gang, held)


def _opening(piece: Piece, most: int, *, major: bool) -> Bytes:
    """The table (nodes of this stage, nodes so far) after the first stage."""
    width = piece.totals[0]
    table = np.full((width + 1, most + 1), np.inf)
    bytes_out = _stage_bytes(piece, width)
    for held in range(min(width, most) + 1):
        if (held > width // 2) == major:
            table[held, held] = bytes_out[held]
    return table


def _next_stage(piece: Piece, table: Bytes, before: int, width: int) -> Bytes:
    """The table one stage later: add the border between the stages, then the stage's own bytes."""
    reach = max(before, width)
    near = np.full((reach + 1, table.shape[1]), np.inf)
    near[: before + 1] = table
    slope = piece.gang.boundary_bytes * np.arange(reach + 1)[:, None]
    up = np.minimum.accumulate(near - slope, axis=0) + slope
    down = np.minimum.accumulate((near + slope)[::-1], axis=0)[::-1] - slope
    near = np.minimum(up, down)
    out = np.full((width + 1, table.shape[1]), np.inf)
    bytes_out = _stage_bytes(piece, width)
    for held in range(min(width, table.shape[1] - 1) + 1):
        out[held, held:] = near[held, : table.shape[1] - held] + bytes_out[held]
    return out


def hull(sizes: Counts, values: Bytes) -> list[tuple[float, float]]:
    """Lines (height at 0, slope) whose maximum is the convex hull below the points, sizes ascending."""
    low: list[tuple[int, float]] = []
    for size, value in zip(sizes, values, strict=True):
        point = (int(size), float(value))
        while len(low) > 1 and _above(low[-2], low[-1], point):
            low.pop()
        low.append(point)
    if len(low) == 1:
        return [(low[0][1], 0.0)]
    lines = []
    for (n, v), (m, w) in pairwise(low):
        slope = (w - v) / (m - n)
        lines.append((v - slope * n, slope))
    return lines


def _above(a: tuple[int, float], b: tuple[int, float], c: tuple[int, float]) -> bool:
    """Whether ``b`` lies on or above the line from ``a`` to ``c``."""
    return (b[1] - a[1]) * (c[0] - a[0]) >= (c[1] - a[1]) * (b[0] - a[0])
