"""``dcplan workspace``: list, show, new, select, delete."""

from __future__ import annotations

import os

import click

from dcplan.cli.exit_codes import ERROR
from dcplan.cli.options import echo_json, json_option, project_of, stop_with


@click.group(name="workspace")
def command() -> None:
    """Keep several states of one document apart, each with machines of its own."""


@command.command(name="list")
@json_option
def list_(*, as_json: bool) -> None:
    """List the workspaces; a star stands before the one in use."""
    from dcplan.workflow.workspaces import workspaces  # noqa: PLC0415 - --help stays light

    found = workspaces(project_of((), (), ()))
    if found.value is None:
        stop_with(found.diagnostics, as_json=as_json)
    if as_json:
        echo_json({"workspaces": list(found.value.names), "current": found.value.current}, found.diagnostics)
        return
    click.echo("\n".join(f"{'*' if n == found.value.current else ' '} {n}" for n in found.value.names))


@command.command()
@json_option
def show(*, as_json: bool) -> None:
    """Print the name of the workspace in use."""
    name = project_of((), (), ()).workspace
    if as_json:
        echo_json({"workspace": name})
    else:
        click.echo(name)


@command.command(short_help="Make the workspace NAME, and use it from now on.")
@click.argument("name")
@json_option
def new(name: str, *, as_json: bool) -> None:
    """Make the workspace NAME with an empty state, and use it from now on."""
    from dcplan.workflow.workspaces import new as make  # noqa: PLC0415 - as above

    made = make(project_of((), (), ()), name)
    if made.value is None:
        stop_with(made.diagnostics, as_json=as_json)
    if as_json:
        echo_json({"workspace": name})
        return
    click.echo(f'Made workspace "{name}"; commands in this folder mean it from now on.{_overruled(name)}')


@command.command()
@click.argument("name")
@json_option
def select(name: str, *, as_json: bool) -> None:
    """Use the workspace NAME from now on, in this folder."""
    from dcplan.workflow.workspaces import select as choose  # noqa: PLC0415 - as above

    chosen = choose(project_of((), (), ()), name)
    if chosen.value is None:
        stop_with(chosen.diagnostics, as_json=as_json)
    if as_json:
        echo_json({"workspace": name})
        return
    click.echo(f'Commands in this folder mean workspace "{name}" from now on.{_overruled(name)}')


@command.command()
@click.argument("name")
@click.option(
    "-force", "--force", is_flag=True, help="Also one that holds resources: they are forgotten, not deleted."
)
@click.option("-auto-approve", "--auto-approve", is_flag=True, help="Do not ask.")
@json_option
def delete(name: str, *, force: bool, auto_approve: bool, as_json: bool) -> None:
    """Delete the workspace NAME with its empty state."""
    from dcplan.cli.applying import agreed  # noqa: PLC0415 - as above
    from dcplan.diag import plural  # noqa: PLC0415 - as above
    from dcplan.workflow.workspaces import delete as remove  # noqa: PLC0415 - as above

    if force and not auto_approve:
        if as_json:
            raise click.UsageError("-json cannot ask: add -auto-approve.")
        if not agreed(f'Shall dcplan delete workspace "{name}", and forget what its state holds?'):
            raise SystemExit(ERROR)
    project = project_of((), (), ())
    gone = remove(project, name, force=force)
    if gone.value is None:
        stop_with(gone.diagnostics, as_json=as_json)
    backup = None if gone.value.backup is None else os.path.relpath(gone.value.backup, project.folder)
    if as_json:
        echo_json({"workspace": name, "forgotten": gone.value.resources, "backup": backup})
        return
    lost = gone.value.resources
    forgotten = f" {plural(lost, 'resource')} forgotten, not deleted." if lost else ""
    kept = f" The state as it was: {backup}" if backup else ""
    click.echo(f'Deleted workspace "{name}".{forgotten}{kept}')


def _overruled(name: str) -> str:
    """A hint where the environment says another one."""
    from dcplan.workflow.workspaces import VARIABLE  # noqa: PLC0415 - as above

    told = os.environ.get(VARIABLE)
    return f"\nBut {VARIABLE}={told} is set, and wins here." if told and told != name else ""
