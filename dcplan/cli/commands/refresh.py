"""``dcplan refresh``."""

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
    """Bring the state up to date with the providers after you say yes: as apply -refresh-only.

    Nothing is made, changed or deleted.  To look without writing: dcplan drift.
    """
    from dcplan.cli.applying import run_apply, run_of  # noqa: PLC0415 - --help stays light

    if asked.mode == "destroy" or asked.scope.replaces or not asked.refresh:
        raise click.UsageError("refresh only asks: leave out -destroy, -replace and -refresh=false.")
    run = run_of(replace(asked, mode="refresh-only"), shown, acting)
    raise SystemExit(run_apply(project_of(files, variables, var_files), run))


hide(
    command,
    frozenset({"destroy", "refresh_only", "refresh", "replaces", "failover", "on_error", "parallelism"}),
)
