"""``dcplan destroy``."""

from __future__ import annotations

from pathlib import Path

import click

from dcplan.cli.options import document_options, json_option, project_of


@click.command()
@document_options
@click.option(
    "-auto-approve", "--auto-approve", is_flag=True, help="Do not ask; needed where nobody can answer."
)
@click.option("-parallelism", "--parallelism", default=10, show_default=True, type=click.IntRange(1, 200),
              help="Operations under way at the same time.")  # fmt: skip
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
