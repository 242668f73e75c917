"""How a sweep over two measures is shown: one line a plan, best in the first measure first."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from dcplan.cli.views.layouts import table_text
from dcplan.cli.views.proofs import short_proof
from dcplan.cli.views.width import wrapped
from dcplan.diag import plural
from dcplan.units import format_usd_per_h

if TYPE_CHECKING:
    from dcplan.workflow.pareto import Front, Point, Share

WIDTH = 100


def as_text(front: Front) -> str:
    """The table, and how to read it."""
    one, other = front.measures
    title = click.style(
        f"{plural(len(front.points), 'plan')} between the least {one} and the least {other}", bold=True
    )
    rows = [
        [str(i), *(short_proof(proof) for proof in point.proofs), format_usd_per_h(point.usd_per_h)]
        for i, point in enumerate(front.points, 1)
    ]
    plans = [
        wrapped(f"  {i}  {_runs(point)}", WIDTH, indent="     ") for i, point in enumerate(front.points, 1)
    ]
    note = (
        f"Each is a whole plan, placed and verified: the least {one} for so much {other}, and of these the "
        f"least {other}. Nothing was saved. To plan the ends, set objective.minimise to [{one}, {other}] or "
        f"[{other}, {one}]; for one between, weigh the two there, or bound one of them under `constraints`."
    )
    table = table_text(["", one, other, "machines"], rows)
    return "\n\n".join([title, table, "\n".join(plans), wrapped(note, WIDTH)])


def as_data(front: Front) -> dict[str, object]:
    """The same for programs, with the choice and the pools of each workload."""
    return {
        "measures": list(front.measures),
        "points": [
            {
                "objectives": [{**asdict(proof), "gap": proof.gap} for proof in point.proofs],
                "usd_per_h": point.usd_per_h,
                "workloads": [asdict(share) for share in point.shares],
                "left_out": list(point.left_out),
            }
            for point in front.points
        ],
    }


def _runs(point: Point) -> str:
    """What each workload runs as and where, in a line."""
    words = [_share(share) for share in point.shares]
    return "; ".join([*words, *(f"{name} left out" for name in point.left_out)])


def _share(share: Share) -> str:
    where = [f"{pool} ({n})" for pool, n in zip(share.pools, share.counts, strict=True)]
    pools = ", ".join(where if len(where) > 1 else share.pools)
    return f"{share.workload}: {share.replicas} x {share.runs_as} in {pools}"
