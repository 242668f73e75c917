"""``dcplan apply``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from dcplan.cli.asking import Duration
from dcplan.cli.options import acting_options, document_options, project_of
from dcplan.cli.plan_options import output_options, plan_options
from dcplan.cli.usage import PlanFile

if TYPE_CHECKING:
    from dcplan.cli.plan_options import PlanAsked, Shown


@click.command()
@click.argument("planfile", required=False, type=PlanFile())
@document_options
@plan_options
@acting_options
@click.option(
    "-max-age",
    "--max-age",
    type=Duration(),
    default="24h",
    show_default=True,
    metavar="DURATION",
    help="Age of a saved plan from which its prices and free machines are called old.",
)
@output_options
def command(  # noqa: PLR0913 - one parameter an option
    planfile: Path | None,
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    asked: PlanAsked,
    max_age: float,
    shown: Shown,
    **acting: Any,
) -> None:
    """Apply the saved plan PLANFILE, or plan, ask and apply.

    Killed at any moment, it can be run again: it first brings to an end what
    was under way.  Ctrl-C stops within seconds and loses nothing.
    """
    from dcplan.cli.applying import run_apply, run_of  # noqa: PLC0415 - --help stays light

    if planfile is not None and (files or not asked.plain):
        raise click.UsageError(
            "A saved plan is applied exactly as it is: leave out -f and what confines or changes a plan "
            "(-target, -exclude, -replace, -refresh, -refresh-only, -destroy)."
        )
    run = run_of(asked, shown, acting, planfile=planfile, max_age_s=max_age)
    raise SystemExit(run_apply(project_of(files, variables, var_files), run))
