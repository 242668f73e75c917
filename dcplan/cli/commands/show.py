"""``dcplan show``."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import click

from dcplan.cli.options import json_option, project_of, stop_with
from dcplan.cli.usage import PlanFile


@click.command()
@click.argument("planfile", required=False, type=PlanFile())
@json_option
def command(planfile: Path | None, *, as_json: bool) -> None:
    """Show what was last applied, or the saved plan PLANFILE."""
    from dcplan.cli.views.plan import as_text, deployment_text  # noqa: PLC0415 - --help stays light

    if planfile is not None:
        from dcplan.workflow.saving import load_plan  # noqa: PLC0415 - only for a saved plan

        read = load_plan(project_of((), (), ()), planfile)
        if read.value is None:
            stop_with(read.diagnostics, as_json=as_json)
        if as_json:
            from dcplan.cli.json_stream import plan_json  # noqa: PLC0415 - only for programs

            sys.stdout.writelines(plan_json(read.value, read.diagnostics))
        else:
            click.echo(as_text(read.value))
        return
    from dcplan.workflow.planning import read_state  # noqa: PLC0415 - only for the state

    view = read_state(project_of((), (), ()))
    if view.value is None:
        stop_with(view.diagnostics, as_json=as_json)
    if as_json:
        from dcplan.cli.json_stream import json_pieces  # noqa: PLC0415 - only for programs
        from dcplan.cli.views.state import members  # noqa: PLC0415 - as above

        under_way = (("interrupted", view.value.interrupted), ("held_by", view.value.held_by))
        every = itertools.chain(members(view.value.state), under_way)
        sys.stdout.writelines(json_pieces(every, view.diagnostics))
        return
    click.echo(deployment_text(view.value))
