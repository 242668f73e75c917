"""``dcplan pack``."""

from __future__ import annotations

from pathlib import Path

import click

from dcplan.cli.options import echo_json, json_option, list_options, show_diagnostics, stop_with


@click.command()
@list_options("The machines.", "What shall run.")
@click.option(
    "-move", "--move", is_flag=True, help="Place what runs today anew, too, wherever it is worth more."
)
@click.option(
    "-seed", "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of ties; any will do."
)
@click.option(
    "-o",
    "-out",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the assignment to this CSV.",
)
@json_option
def command(  # noqa: PLR0913 - one for each option
    nodes: Path, jobs: Path, seed: int, out: Path | None, *, move: bool, as_json: bool
) -> None:
    """Place a list of jobs on machines that already stand; tells a proven bound beside the result.

    Jobs that run today (column on) stay where they are, and the others are placed around them.
    docs/packing.md lists the columns of both files.  Nothing is written without -out.
    """
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.cli.views.pack import as_data, as_text  # noqa: PLC0415 - as above
    from dcplan.placement.pack import Effort  # noqa: PLC0415 - as above
    from dcplan.workflow.packing import may_write, pack_files, write_assignment  # noqa: PLC0415 - as above

    refused = may_write(out) if out is not None else ()
    if refused:
        stop_with(refused, as_json=as_json)
    with progress_line(quiet=as_json) as progress:
        packed = pack_files(nodes, jobs, Effort(seed=seed), move=move, progress=progress)
    if packed.value is None:
        stop_with(packed.diagnostics, as_json=as_json)
    failed = write_assignment(packed.value, out) if out is not None else ()
    if failed:
        stop_with((*packed.diagnostics, *failed), as_json=as_json)
    if as_json:
        echo_json(as_data(packed.value, out), packed.diagnostics)
        return
    show_diagnostics(packed.diagnostics, as_json=False, more=True)
    click.echo(as_text(packed.value, out))
