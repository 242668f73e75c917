"""``dcplan defrag``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dcplan.cli.options import (
    echo_json,
    executor_option,
    fanout_of,
    json_option,
    list_options,
    show_diagnostics,
    stop_with,
)


class SliceSize(click.ParamType[int]):
    """Machines of a slice, or all of a rack; 0 stands for all."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Machines, 0 for ``all``."""
        if value == "all":
            return 0
        try:
            size = int(value)
        except ValueError:
            size = 0
        if size < 1:
            self.fail(f"{value!r} is neither a number of machines nor all", param, ctx)
        return size


@click.command()
@list_options("The machines, with their racks.", "What runs, and on which machines.")
@click.option(
    "-free", "--free", "slices", required=True, type=click.IntRange(min=1), help="Slices that shall be free."
)
@click.option(
    "-slice",
    "--slice",
    "size",
    required=True,
    type=SliceSize(),
    help="Machines of a slice, or all of a rack: all.",
)
@click.option(
    "-within",
    "--within",
    default="rack",
    show_default=True,
    type=click.Choice(["rack", "block", "zone"]),
    help="Where a slice must be whole, and gangs stay together.",
)
@click.option(
    "-max-moves", "--max-moves", type=click.IntRange(min=0), help="Free as many as so many moves can."
)
@click.option(
    "-o",
    "-out",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the moves to this CSV.",
)
@click.option(
    "-jobs-out",
    "--jobs-out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the job list as it is after the moves to this CSV, for dcplan pack.",
)
@executor_option("Who solves the parts of a large fleet; default processes.")
@json_option
def command(  # noqa: PLR0913, PLR0917 - one for each option
    nodes: Path,
    jobs: Path,
    slices: int,
    size: int,
    within: str,
    max_moves: int | None,
    out: Path | None,
    jobs_out: Path | None,
    executor: str | None,
    *,
    as_json: bool,
) -> None:
    """Free whole slices or racks of machines with the fewest moves of what runs there.

    The moves are told in an order in which no machine is ever overfull; nothing is moved.
    """
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.cli.views.defrag import as_data, as_text  # noqa: PLC0415 - as above
    from dcplan.placement.defrag import Goal  # noqa: PLC0415 - as above
    from dcplan.workflow.defragging import (  # noqa: PLC0415 - as above
        defrag,
        may_write,
        may_write_jobs,
        write_jobs,
        write_moves,
    )

    refused = may_write(out) if out is not None else ()
    refused += may_write_jobs(jobs_out, jobs, out) if jobs_out is not None else ()
    if refused:
        stop_with(refused, as_json=as_json)
    fanout = fanout_of(executor or "processes")
    goal = Goal(slices=slices, nodes=size or None, max_moves=max_moves)
    with progress_line(quiet=as_json) as progress:
        found = defrag(nodes, jobs, goal, within=within, progress=progress, fanout=fanout)
    if found.value is None:
        stop_with(found.diagnostics, as_json=as_json)
    failed = write_moves(found.value, out) if out is not None else ()
    failed += write_jobs(found.value, jobs, jobs_out) if jobs_out is not None else ()
    if failed:
        stop_with((*found.diagnostics, *failed), as_json=as_json)
    if as_json:
        echo_json(as_data(found.value, out, jobs_out), found.diagnostics)
        return
    show_diagnostics(found.diagnostics, as_json=False, more=True)
    click.echo(as_text(found.value, out, jobs_out))
