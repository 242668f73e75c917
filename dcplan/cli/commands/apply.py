"""``dcplan apply``."""

from __future__ import annotations

from pathlib import Path

import click

from dcplan.cli.options import acting_options, document_options, json_option, project_of
from dcplan.cli.usage import PlanFile


@click.command()
@click.argument("planfile", required=False, type=PlanFile())
@document_options
@acting_options
@json_option
def command(  # noqa: PLR0913 - one parameter an option
    planfile: Path | None,
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    auto_approve: bool,
    parallelism: int,
    as_json: bool,
) -> None:
    """Apply the saved plan PLANFILE, or plan, ask and apply.

    Killed at any moment, it can be run again: it first brings to an end what
    was under way.  Ctrl-C stops within seconds and loses nothing.
    """
    from dcplan.cli.applying import run_apply  # noqa: PLC0415 - --help stays light

    if planfile is not None and (files or variables or var_files):
        raise click.UsageError("A saved plan is applied exactly as it is: leave out -f, -var and -var-file.")
    raise SystemExit(
        run_apply(
            project_of(files, variables, var_files),
            planfile=planfile,
            destroy=False,
            approved=auto_approve,
            parallelism=parallelism,
            as_json=as_json,
        )
    )
