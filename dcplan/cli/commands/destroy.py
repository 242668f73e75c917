"""``dcplan destroy``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dcplan.cli.options import acting_options, document_options, hide, project_of
from dcplan.cli.plan_options import output_options, plan_options

if TYPE_CHECKING:
    from dcplan.cli.plan_options import PlanAsked, Shown


@click.command()
@document_options
@plan_options
@acting_options
@output_options
def command(
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    asked: PlanAsked,
    shown: Shown,
    **acting: Any,
) -> None:
    """Delete everything that this project made, and nothing else: as apply -destroy."""
    from dcplan.cli.applying import run_apply, run_of  # noqa: PLC0415 - --help stays light

    if asked.mode == "refresh-only" or asked.scope.replaces:
        raise click.UsageError("destroy deletes: -refresh-only and -replace belong to apply.")
    run = run_of(replace(asked, mode="destroy"), shown, acting)
    raise SystemExit(run_apply(project_of(files, variables, var_files), run))


hide(command, frozenset({"destroy", "refresh_only", "replaces", "failover"}))
