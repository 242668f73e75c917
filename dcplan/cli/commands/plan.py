"""``dcplan plan``."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcplan.cli.asking import Duration
from dcplan.cli.exit_codes import CHANGES
from dcplan.cli.json_file import open_json
from dcplan.cli.options import (
    document_options,
    echo_json,
    executor_option,
    fanout_of,
    project_of,
    show_diagnostics,
    stop_with,
)
from dcplan.cli.plan_options import make_plan, output_options, plan_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.cli.plan_options import PlanAsked, Shown
    from dcplan.diag import Result
    from dcplan.plan.types import Plan
    from dcplan.workflow.executors import Fanout
    from dcplan.workflow.types import Planned, Project, Tuning


@click.command()
@document_options
@click.option(
    "-out", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Save the plan for apply."
)
@plan_options
@click.option(
    "-parallelism",
    "--parallelism",
    type=click.IntRange(1, 200),
    expose_value=False,
    help="As apply's, so that one set of arguments fits both; planning makes no such operations.",
)
@click.option(
    "-lock-timeout",
    "--lock-timeout",
    type=Duration(),
    metavar="DURATION",
    expose_value=False,
    help="As apply's, so that one set of arguments fits both; planning waits for no lock.",
)
@click.option(
    "-detailed-exitcode", "--detailed-exitcode", is_flag=True, help="Exit 0 without changes, 2 with changes."
)
@click.option(
    "-timeout",
    "--timeout",
    metavar="DURATION",
    help="Time for the solver, as in 30s; the best by then is planned.",
)
@click.option("-seed", "--seed", type=click.IntRange(0), default=0, help="Of the solver's search; default 0.")
@click.option(
    "-pareto",
    "--pareto",
    metavar="ONE,OTHER",
    help="Show what two of cost, carbon, time, latency and moves trade against each other; plans nothing.",
)
@click.option(
    "-points",
    "--points",
    type=click.IntRange(2, 50),
    default=8,
    show_default=True,
    help="Of -pareto, at most.",
)
@executor_option("Who solves the plans of -pareto; default serial.")
@output_options
def command(  # noqa: PLR0913 - one parameter an option
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    out: Path | None,
    *,
    asked: PlanAsked,
    detailed_exitcode: bool,
    timeout: str | None,
    seed: int,
    pareto: str | None,
    points: int,
    executor: str | None,
    shown: Shown,
) -> None:
    """Work out what to run where, and show what would change.  Changes nothing, takes no lock."""
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.types import Tuning  # noqa: PLC0415 - as above

    project = project_of(files, variables, var_files)
    tuning = Tuning(seed=seed, timeout_s=_seconds(timeout))
    if pareto is not None:
        if not asked.plain or out is not None or shown.json_into is not None:
            raise click.UsageError(
                "-pareto shows whole plans and makes none: leave out -out, -json-into, and what confines or "
                "changes a plan (-target, -exclude, -replace, -refresh, -refresh-only, -destroy)."
            )
        _show_front(project, pareto, points, tuning, fanout_of(executor or "serial"), as_json=shown.as_json)
        return
    if executor is not None:
        raise click.UsageError("-executor solves the plans of -pareto: name two measures, or leave it out.")
    with ExitStack() as opened:
        into = None if shown.json_into is None else opened.enter_context(open_json(shown.json_into))
        with progress_line(quiet=shown.as_json) as progress:
            planned = make_plan(project, asked, progress, tuning)
        if into is not None:
            into.writelines(_json(planned))
    if planned.value is None:
        stop_with(planned.diagnostics, as_json=shown.as_json)
    made = planned.value.plan
    if out is not None:
        _save(project, made, out, as_json=shown.as_json)
    if shown.as_json:
        sys.stdout.writelines(_json(planned))
    else:
        from dcplan.cli.views.plan import as_text  # noqa: PLC0415 - only for people

        show_diagnostics(planned.diagnostics, as_json=False, more=True)
        click.echo(as_text(made, concise=shown.concise))
        if out is not None:
            click.echo(f"Saved to {out}. Apply exactly this with: dcplan apply {out}")
    if detailed_exitcode and made.acts:
        raise SystemExit(CHANGES)


def _json(planned: Result[Planned]) -> Iterator[str]:
    """A plan for programs, or why there is none, in pieces."""
    from dcplan.cli.json_stream import plan_json  # noqa: PLC0415 - only for programs

    return plan_json(None if planned.value is None else planned.value.plan, planned.diagnostics)


def _seconds(timeout: str | None) -> float | None:
    """The time of ``-timeout``; what cannot be read ends the command."""
    from dcplan.units import UnitError, parse_duration_s  # noqa: PLC0415 - only for a timeout

    if timeout is None:
        return None
    try:
        seconds = parse_duration_s(timeout)
    except UnitError as problem:
        raise click.BadParameter(str(problem), param_hint="-timeout") from None
    if seconds <= 0:
        raise click.BadParameter("the solver needs some time, for example 30s", param_hint="-timeout")
    return seconds


def _show_front(  # noqa: PLR0913 - the options of a sweep
    project: Project, pareto: str, points: int, tuning: Tuning, fanout: Fanout, *, as_json: bool
) -> None:
    """What two measures trade against each other."""
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - only for a sweep
    from dcplan.cli.views import pareto as view  # noqa: PLC0415 - as above
    from dcplan.diag import did_you_mean  # noqa: PLC0415 - as above
    from dcplan.workflow.executors import helped  # noqa: PLC0415 - as above
    from dcplan.workflow.pareto import MEASURES, front  # noqa: PLC0415 - as above

    names = [name.strip() for name in pareto.split(",")]
    for name in names:
        if name not in MEASURES:
            hint = did_you_mean(name, MEASURES) or f"There are: {', '.join(MEASURES)}."
            raise click.BadParameter(f"{name!r} cannot be minimised. {hint}", param_hint="-pareto")
    if len(names) != 2 or len(set(names)) != 2:  # noqa: PLR2004 - one against the other
        raise click.BadParameter("name two measures, as in cost,carbon", param_hint="-pareto")
    with progress_line(quiet=as_json) as progress:
        sweep = partial(front, project, (names[0], names[1]), points=points, progress=progress, tuning=tuning)
        found = helped(fanout, lambda helpers: sweep(helpers=helpers))
    if found.value is None:
        stop_with(found.diagnostics, as_json=as_json)
    if as_json:
        echo_json(view.as_data(found.value), found.diagnostics)
        return
    show_diagnostics(found.diagnostics, as_json=False, more=True)
    click.echo(view.as_text(found.value))


def _save(project: Project, made: Plan, out: Path, *, as_json: bool) -> None:
    """Write the plan, or say why that cannot be done."""
    from dcplan.workflow.saving import save_plan  # noqa: PLC0415 - only for a saved plan

    problems = save_plan(project, made, out)
    if problems:
        stop_with(problems, as_json=as_json)
