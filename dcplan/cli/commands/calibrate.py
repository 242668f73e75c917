"""``dcplan calibrate``."""

from __future__ import annotations

from pathlib import Path

import click

from dcplan.cli.options import echo_json, json_option, show_diagnostics, stop_with


@click.command()
@click.argument("rows", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="ROWS.csv")
@click.option(
    "-o",
    "-out",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the profile to this file.",
)
@json_option
def command(rows: Path, out: Path | None, *, as_json: bool) -> None:
    """Fit the figures that predictions rest on to your own measurements, and judge them by rows kept apart.

    ROWS.csv is what `dcplan measure` writes, or your own; docs/calibration.md lists its columns.
    """
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.cli.views.calibrate import as_data, as_text  # noqa: PLC0415 - as above
    from dcplan.workflow.calibrating import calibrate, may_write, write_profile  # noqa: PLC0415 - as above

    refused = may_write(out, rows) if out is not None else ()
    if refused:
        stop_with(refused, as_json=as_json)
    with progress_line(quiet=as_json) as progress:
        progress("fitting")
        done = calibrate(rows)
    if done.value is None:
        stop_with(done.diagnostics, as_json=as_json)
    failed = write_profile(done.value.text, out) if out is not None else ()
    if failed:
        stop_with((*done.diagnostics, *failed), as_json=as_json)
    if as_json:
        echo_json(as_data(done.value, out), done.diagnostics)
        return
    show_diagnostics(done.diagnostics, as_json=False, more=True)
    click.echo(as_text(done.value, out))
