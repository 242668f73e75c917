"""``dcplan drift``."""

from __future__ import annotations

from pathlib import Path

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


@click.command()
@document_options
@click.option(
    "-ignore",
    "--ignore",
    "ignore",
    multiple=True,
    metavar="ADDRESS.ATTRIBUTE|KIND.ATTRIBUTE",
    help="Do not look at this attribute or output, or at settings.KEY in it; may be repeated.",
)
@json_option
def command(
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    ignore: tuple[str, ...],
    as_json: bool,
) -> None:
    """Ask the providers what is not as the state says.  Takes no lock, writes nothing.

    Exits with 0 without drift, 2 with drift, 1 when it could not find out.  What
    lifecycle.ignore_changes leaves to others is shown apart, and is no drift.
    """
    from dcplan.cli.views.drift import drifted_data, drifted_text  # noqa: PLC0415 - --help stays light
    from dcplan.cli.views.width import fitted  # noqa: PLC0415 - as above
    from dcplan.workflow.drift import find_drift  # noqa: PLC0415 - as above

    found = find_drift(project_of(files, variables, var_files), ignore)
    if found.value is None:
        stop_with(found.diagnostics, as_json=as_json)
    if as_json:
        echo_json(drifted_data(found.value), found.diagnostics)
    else:
        show_diagnostics(found.diagnostics, as_json=False, more=True)
        click.echo(fitted(drifted_text(found.value)))
    if found.value.drifts:
        raise SystemExit(CHANGES)
