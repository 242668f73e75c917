"""``dcplan plan``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcplan.cli.exit_codes import CHANGES
from dcplan.cli.options import (
    document_options,
    echo_json,
    json_option,
    project_of,
    show_diagnostics,
    stop_with,
)

if TYPE_CHECKING:
    from dcplan.plan.types import Plan


@click.command()
@document_options
@click.option(
    "-out", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Save the plan for apply."
)
@click.option("-destroy", "--destroy", is_flag=True, help="Plan to delete everything.")
@click.option(
    "-refresh",
    "--refresh",
    type=click.Choice(("true", "false")),
    default="true",
    help="Ask the providers what is there; with false, believe the state.",
)
@click.option(
    "-detailed-exitcode", "--detailed-exitcode", is_flag=True, help="Exit 0 without changes, 2 with changes."
)
@json_option
def command(  # noqa: PLR0913 - one parameter an option
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    out: Path | None,
    *,
    destroy: bool,
    refresh: str,
    detailed_exitcode: bool,
    as_json: bool,
) -> None:
    """Work out what to run where, and show what would change.  Changes nothing, takes no lock."""
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.planning import plan, plan_destroy  # noqa: PLC0415 - as above

    project = project_of(files, variables, var_files)
    with progress_line(quiet=as_json) as progress:
        planned = (
            plan_destroy(project) if destroy else plan(project, refresh=refresh == "true", progress=progress)
        )
    if planned.value is None:
        stop_with(planned.diagnostics, as_json=as_json)
    made = planned.value.plan
    if out is not None:
        _save(made, out, as_json=as_json)
    if as_json:
        from dcplan.cli.views.plan import as_data  # noqa: PLC0415 - only for programs

        echo_json(as_data(made), planned.diagnostics)
    else:
        from dcplan.cli.views.plan import as_text  # noqa: PLC0415 - only for people

        show_diagnostics(planned.diagnostics, as_json=False, more=True)
        click.echo(as_text(made))
        if out is not None:
            click.echo(f"Saved to {out}. Apply exactly this with: dcplan apply {out}")
    if detailed_exitcode and (made.changes or made.interrupted):
        raise SystemExit(CHANGES)


def _save(made: Plan, out: Path, *, as_json: bool) -> None:
    """Write the plan, or say why that cannot be done."""
    from dcplan.diag import error  # noqa: PLC0415 - only for a saved plan
    from dcplan.plan.codec import write_plan  # noqa: PLC0415 - as above

    try:
        write_plan(made, out)
    except OSError as problem:
        detail = f"{out} cannot be written: {problem.strerror}. Name another file with -out."
        stop_with((error("plan-not-written", "The plan could not be saved", detail),), as_json=as_json)
