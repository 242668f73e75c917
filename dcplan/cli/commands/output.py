"""``dcplan output``."""

from __future__ import annotations

import json
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

if TYPE_CHECKING:
    from dcplan.diag import Diagnostics


@click.command()
@click.argument("name", required=False)
@document_options
@click.option("-raw", "--raw", is_flag=True, help="Of NAME: the bare text, for scripts.")
@click.option("-show-sensitive", "--show-sensitive", "reveal", is_flag=True, help="Hide nothing.")
@json_option
def command(  # noqa: PLR0913 - one parameter an option
    name: str | None,
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    raw: bool,
    reveal: bool,
    as_json: bool,
) -> None:
    """Show where what runs is reached: endpoints, machines, and the document's outputs; or only NAME.

    NAME is a name under `outputs`, or a reference such as workloads.chat.endpoint.
    What is sensitive is hidden here, and shown with -show-sensitive, -json and -raw.
    """
    from dcplan.cli.views import outputs as view  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.outputs import output, outputs  # noqa: PLC0415 - as above

    if raw and (as_json or name is None):
        raise click.UsageError("-raw prints the text of one output: name it, and leave -json out.")
    project = project_of(files, variables, var_files)
    if name is None:
        found = outputs(project)
        if found.value is None:
            stop_with(found.diagnostics, as_json=as_json)
        if as_json:
            echo_json(view.as_data(found.value), found.diagnostics)
            return
        show_diagnostics(found.diagnostics, as_json=False, more=True)
        click.echo(view.as_text(found.value, reveal=reveal))
        return
    one = output(project, name)
    if one.value is None:
        stop_with(one.diagnostics, as_json=as_json)
    if as_json:
        echo_json(view.one_data(name, one.value), one.diagnostics)
    elif not raw:
        click.echo(view.value_text(one.value, reveal=reveal))
    elif isinstance(one.value.value, str | int | float):
        click.echo(one.value.value, nl=False)
    else:
        stop_with(_not_raw(name, json.dumps(one.value.value)), as_json=False)


def _not_raw(name: str, value: str) -> Diagnostics:
    from dcplan.diag import error  # noqa: PLC0415 - only then

    detail = f"{name} is {value}, not one text. Print it with -json."
    return (error("output-not-raw", "The output is not one text", detail),)
