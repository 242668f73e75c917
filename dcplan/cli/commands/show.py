"""``dcplan show``."""

from __future__ import annotations

from pathlib import Path

import click

from dcplan.cli.options import echo_json, json_option, project_of, stop_with
from dcplan.cli.usage import PlanFile


@click.command()
@click.argument("planfile", required=False, type=PlanFile())
@json_option
def command(planfile: Path | None, *, as_json: bool) -> None:
    """Show what was last applied, or the saved plan PLANFILE."""
    from dcplan.cli.views.plan import as_data, as_text, deployment_text  # noqa: PLC0415 - --help stays light

    if planfile is not None:
        from dcplan.workflow.saving import load_plan  # noqa: PLC0415 - only for a saved plan

        read = load_plan(project_of((), (), ()), planfile)
        if read.value is None:
            stop_with(read.diagnostics, as_json=as_json)
        if as_json:
            echo_json(as_data(read.value), read.diagnostics)
        else:
            click.echo(as_text(read.value))
        return
    from dcplan.workflow.planning import read_state  # noqa: PLC0415 - only for the state

    view = read_state(project_of((), (), ()))
    if view.value is None:
        stop_with(view.diagnostics, as_json=as_json)
    if as_json:
        from dcplan.cli.views.state import as_data as state_data  # noqa: PLC0415 - only for programs

        echo_json({**state_data(view.value.state), "interrupted": view.value.interrupted}, view.diagnostics)
        return
    click.echo(deployment_text(view.value))
