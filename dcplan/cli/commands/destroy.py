"""``dcplan destroy``."""

from __future__ import annotations

from pathlib import Path

import click

from dcplan.cli.options import acting_options, document_options, json_option, project_of


@click.command()
@document_options
@acting_options
@json_option
def command(  # noqa: PLR0913 - one parameter an option
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    auto_approve: bool,
    parallelism: int,
    as_json: bool,
) -> None:
    """Delete everything that this project made, and nothing else."""
    from dcplan.cli.applying import run_apply  # noqa: PLC0415 - --help stays light

    raise SystemExit(
        run_apply(
            project_of(files, variables, var_files),
            planfile=None,
            destroy=True,
            approved=auto_approve,
            parallelism=parallelism,
            as_json=as_json,
        )
    )
