"""``dcplan history``."""

from __future__ import annotations

import click

from dcplan.cli.options import echo_json, json_option, project_of, show_diagnostics, stop_with


@click.command()
@click.option(
    "-n",
    "-number",
    "--number",
    "number",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="How many runs, the last one first.",
)
@json_option
def command(*, number: int, as_json: bool) -> None:
    """Show the runs that changed this project: when, who, what, cost before and after, how each ended."""
    from dcplan.cli.views.history import as_data, as_text  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.history import history  # noqa: PLC0415 - as above

    found = history(project_of((), (), ()), number)
    if found.value is None:
        stop_with(found.diagnostics, as_json=as_json)
    if as_json:
        echo_json({"runs": [as_data(run) for run in found.value]}, found.diagnostics)
        return
    show_diagnostics(found.diagnostics, as_json=False, more=True)
    click.echo(as_text(found.value))
