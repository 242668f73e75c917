"""``dcplan init``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcplan.cli.exit_codes import ERROR
from dcplan.cli.options import (
    document_options,
    echo_json,
    json_option,
    project_of,
    show_diagnostics,
    stop_with,
)
from dcplan.cli.plan_options import input_option

if TYPE_CHECKING:
    from dcplan.diag import Diagnostics
    from dcplan.workflow.preparing import BackendAsked
    from dcplan.workflow.types import Project


@click.command()
@document_options
@click.option(
    "-example", "--example", is_flag=True, help="First write a small document and data centre to start from."
)
@click.option(
    "-backend-config",
    "--backend-config",
    "backend_config",
    multiple=True,
    metavar="FILE|KEY=VALUE",
    help="What the document's backend leaves open; may be repeated, the last one wins.",
)
@click.option(
    "-migrate-state",
    "--migrate-state",
    "migrate",
    is_flag=True,
    help="Copy the state to where the document says now.",
)
@click.option(
    "-reconfigure",
    "--reconfigure",
    is_flag=True,
    help="Use the state that is where the document says now, and leave the other.",
)
@click.option("-auto-approve", "--auto-approve", is_flag=True, help="Do not ask before copying.")
@input_option
@click.option(
    "-upgrade", "--upgrade", is_flag=True, help="Lock the providers that are installed, whatever was locked."
)
@click.option(
    "-lockfile",
    "--lockfile",
    type=click.Choice(("readonly", "write")),
    default="write",
    show_default=True,
    help="With readonly, a lock that would change is an error.",
)
@json_option
def command(  # noqa: PLR0913 - one parameter an option
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    example: bool,
    backend_config: tuple[str, ...],
    migrate: bool,
    reconfigure: bool,
    auto_approve: bool,
    upgrade: bool,
    lockfile: str,
    as_json: bool,
) -> None:
    """Prepare this folder: check the document, its providers and the state.  Safe to repeat."""
    from dcplan.diag import plural  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.backend_file import LOCAL  # noqa: PLC0415 - as above
    from dcplan.workflow.checking import init  # noqa: PLC0415 - as above
    from dcplan.workflow.preparing import BackendAsked  # noqa: PLC0415 - as above
    from dcplan.workflow.stores import backend_of  # noqa: PLC0415 - as above

    if example:
        _write_example(as_json=as_json)
    if migrate and reconfigure:
        raise click.UsageError("-migrate-state copies the state and -reconfigure leaves it: use one of them.")
    project = project_of(files, variables, var_files)
    asked = BackendAsked(given=backend_config, migrate=migrate, reconfigure=reconfigure)
    warned = _prepare(project, asked, approved=auto_approve, as_json=as_json)
    made = init(project, upgrade=upgrade, lock_readonly=lockfile == "readonly")
    if made.value is None:
        stop_with(made.diagnostics, as_json=as_json)
    checked, state = made.value
    where = backend_of(project).value or LOCAL
    if as_json:
        data = {
            "backend": where.kind,
            "state": str(project.state_path) if where == LOCAL else str(where),
            "lineage": state.lineage,
            "serial": state.serial,
            "providers": sorted(checked.providers),
        }
        echo_json(data, (*warned, *made.diagnostics))
        return
    show_diagnostics((*warned, *made.diagnostics), as_json=False, more=True)
    path = os.path.relpath(project.state_path, project.folder) if where == LOCAL else where
    click.echo(
        f"Ready: {plural(len(state.resources), 'resource')} in {path}; "
        f"{plural(len(checked.providers), 'provider')}: {', '.join(sorted(checked.providers))}.\n"
        "Keep .dcplan/ out of version control, and commit dcplan.lock. Next: dcplan plan"
    )


def _prepare(project: Project, asked: BackendAsked, *, approved: bool, as_json: bool) -> Diagnostics:
    """See to where the state is, asking before one is copied; what is to be warned of."""
    from dcplan.cli.applying import agreed  # noqa: PLC0415 - --help stays light
    from dcplan.diag import has_errors  # noqa: PLC0415 - as above
    from dcplan.workflow.preparing import prepare, settle  # noqa: PLC0415 - as above

    prepared = prepare(project, asked)
    if prepared.value is None:
        stop_with(prepared.diagnostics, as_json=as_json)
    if prepared.value.question is not None and not approved:
        if as_json:
            raise click.UsageError("-json cannot ask: add -auto-approve.")
        if not agreed(prepared.value.question):
            raise SystemExit(ERROR)
    said = (*prepared.diagnostics, *settle(project, prepared.value))
    if has_errors(said):
        stop_with(said, as_json=as_json)
    if prepared.value.told is not None and not as_json:
        click.echo(prepared.value.told)
    return said


def _write_example(*, as_json: bool) -> None:
    """Write the files to start from, or say why not."""
    from dcplan.cli.starter import FILES, write_example  # noqa: PLC0415 - only for beginners
    from dcplan.diag import error, listed  # noqa: PLC0415 - as above

    folder = Path.cwd()
    try:
        write_example(folder)
    except OSError as problem:
        said = (
            f"{Path(problem.filename).name} is there already"
            if isinstance(problem, FileExistsError)
            else f"{folder} cannot be written: {problem.strerror}"
        )
        detail = f"{said}, and nothing is written over. Use an empty folder."
        stop_with((error("example-not-written", "The example was not written", detail),), as_json=as_json)
    if not as_json:
        click.echo(f"Wrote {listed(list(FILES))}: a chat service on your own racks.")
