"""``dcplan iam``: the smallest policy or role for a plan."""

from __future__ import annotations

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
from dcplan.cli.usage import PlanFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dcplan.diag import Result
    from dcplan.provider.permissions import Allowance
    from dcplan.workflow.permitting import Permitted
    from dcplan.workflow.types import Project


@click.command()
@click.argument("planfile", required=False, type=PlanFile())
@document_options
@click.option("-only", "--only", metavar="NAME", help="Print this document alone: aws, gcp, gcp-state...")
@click.option("-destroy", "--destroy", is_flag=True, help="For the plan that deletes everything.")
@json_option
def command(  # noqa: PLR0913 - one parameter an option
    planfile: Path | None,
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    only: str | None,
    destroy: bool,
    as_json: bool,
) -> None:
    """Print the smallest policy (AWS) and roles (Google Cloud) that allow PLANFILE, or a new plan.

    Failover, recovery, the state's server and keys of a KMS are part of it.  Asks no cloud for it.
    """
    if planfile is not None and destroy:
        raise click.UsageError("-destroy makes a plan, and a saved plan is one: leave out one of them.")
    told = _permitted(project_of(files, variables, var_files), planfile, destroy=destroy, as_json=as_json)
    if told.value is None:
        stop_with(told.diagnostics, as_json=as_json)
    every = [one for answer in told.value for one in answer.allowances]
    if only is not None:
        every = [one for one in every if one.name == only] or _none(only, every)
    if as_json:
        echo_json({"permissions": [_data(one) for one in every]}, told.diagnostics)
        return
    show_diagnostics(told.diagnostics, as_json=False, more=True)
    if only is None:
        for answer in told.value:
            if not answer.allowances:
                click.echo(f"{answer.provider}: nothing is needed.", err=bool(every))
    for one in every:
        _show(one, alone=len(every) == 1)


def _permitted(
    project: Project, planfile: Path | None, *, destroy: bool, as_json: bool
) -> Result[tuple[Permitted, ...]]:
    """What is needed for a saved plan, or for one that is made now."""
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.permitting import permissions  # noqa: PLC0415 - as above

    if planfile is not None:
        from dcplan.workflow.saving import load_plan  # noqa: PLC0415 - only for a saved plan

        read = load_plan(project, planfile)
        if read.value is None:
            stop_with(read.diagnostics, as_json=as_json)
        return permissions(project, read.value)
    from dcplan.workflow.planning import plan, plan_destroy  # noqa: PLC0415 - only for a new plan

    # Whoever asks may not be allowed to look yet, so the state is believed.
    with progress_line(quiet=as_json) as progress:
        planned = (
            plan_destroy(project, refresh=False)
            if destroy
            else plan(project, refresh=False, progress=progress)
        )
    if planned.value is None:
        stop_with(planned.diagnostics, as_json=as_json)
    return permissions(project, planned.value.plan, planned.value.state.resources.values())


def _none(only: str, every: Sequence[Allowance]) -> list[Allowance]:
    names = ", ".join(one.name for one in every) or "none"
    raise click.BadParameter(f"there is no document {only!r}; there are: {names}", param_hint="-only")


def _data(one: Allowance) -> dict[str, object]:
    return {"name": one.name, "content": one.content, "steps": list(one.steps), "notes": list(one.notes)}


def _show(one: Allowance, *, alone: bool) -> None:
    """The document on standard output, so that it can be redirected; what people need besides, elsewhere."""
    if not alone:
        click.echo(f"# {one.name}: dcplan iam -only {one.name}")
    click.echo(one.text.rstrip())
    about = [*one.notes, *(f"  {step}" for step in one.steps)]
    if about:
        click.echo("\n" + "\n".join(about) + "\n", err=True)
