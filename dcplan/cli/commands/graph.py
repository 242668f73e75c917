"""``dcplan graph``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcplan.cli.options import (
    document_options,
    echo_json,
    json_option,
    project_of,
    show_diagnostics,
    stop_with,
)
from dcplan.cli.usage import PlanFile

if TYPE_CHECKING:
    from dcplan.cli.views.graph import Node
    from dcplan.diag import Diagnostics
    from dcplan.workflow.types import Project


@click.command()
@document_options
@click.option(
    "-type",
    "--type",
    "type_",
    type=click.Choice(("wanted", "plan", "state")),
    help="What the document wants (default), what a plan changes, or what is there by the state.",
)
@click.option("-plan", "--plan", "planfile", type=PlanFile(), metavar="FILE", help="Of this saved plan.")
@json_option
def command(  # noqa: PLR0913 - one parameter an option
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    type_: str | None,
    planfile: Path | None,
    as_json: bool,
) -> None:
    """Print resources and what needs what, as DOT (or JSON); a plan's changes with their colours."""
    from dcplan.cli.views.graph import as_data, as_dot  # noqa: PLC0415 - --help stays light

    if planfile is not None and (type_ not in {None, "plan"} or files or variables or var_files):
        raise click.UsageError(
            "-plan shows the changes of that file: leave out -f, -var, -var-file and other types."
        )
    project = project_of(files, variables, var_files)
    nodes, said = _nodes(
        project, "plan" if planfile is not None else type_ or "wanted", planfile, as_json=as_json
    )
    if as_json:
        echo_json(as_data(nodes), said)
        return
    show_diagnostics(said, as_json=False, more=True)
    click.echo(as_dot(nodes))


def _nodes(
    project: Project, type_: str, planfile: Path | None, *, as_json: bool
) -> tuple[tuple[Node, ...], Diagnostics]:
    """The nodes of a graph, or the end of the command."""
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.cli.views.graph import of_plan, of_resources  # noqa: PLC0415 - as above
    from dcplan.workflow.planning import plan, read_state  # noqa: PLC0415 - as above

    if type_ == "state":
        view = read_state(project)
        if view.value is None:
            stop_with(view.diagnostics, as_json=as_json)
        return of_resources(view.value.state.resources), view.diagnostics
    if planfile is not None:
        from dcplan.workflow.saving import load_plan  # noqa: PLC0415 - only for a saved plan

        read = load_plan(project, planfile)
        if read.value is None:
            stop_with(read.diagnostics, as_json=as_json)
        return of_plan(read.value), read.diagnostics
    with progress_line(quiet=as_json) as progress:
        planned = plan(project, refresh=type_ == "plan", progress=progress)
    if planned.value is None or planned.value.decided is None:
        stop_with(planned.diagnostics, as_json=as_json)
    if type_ == "plan":
        return of_plan(planned.value.plan), planned.diagnostics
    return of_resources(planned.value.decided.graph.resources), planned.diagnostics
