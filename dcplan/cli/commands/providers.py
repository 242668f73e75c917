"""``dcplan providers``: which packages a document's providers come from, and what is locked."""

from __future__ import annotations

from pathlib import Path

import click

from dcplan.cli.options import (
    document_options,
    echo_json,
    json_option,
    project_of,
    show_diagnostics,
    stop_with,
)


@click.group(name="providers", invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, *, as_json: bool) -> None:
    """List the document's providers with their packages; lock them for this platform."""
    if ctx.invoked_subcommand is None:
        _list(as_json=as_json)


@command.command()
@document_options
@json_option
def lock(
    files: tuple[Path, ...], variables: tuple[str, ...], var_files: tuple[Path, ...], *, as_json: bool
) -> None:
    """Add this platform's builds of the providers to dcplan.lock, beside those of others."""
    from dcplan.diag import listed  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.checking import check  # noqa: PLC0415 - as above
    from dcplan.workflow.locking import LOCK_FILE, update_lock  # noqa: PLC0415 - as above

    project = project_of(files, variables, var_files)
    checked = check(project, locked=False)
    if checked.value is None:
        stop_with(checked.diagnostics, as_json=as_json)
    made = update_lock(project, sorted(checked.value.providers), upgrade=False, readonly=False, add=True)
    if made.value is None:
        stop_with(made.diagnostics, as_json=as_json)
    if as_json:
        echo_json({"changed": list(made.value.changed)}, checked.diagnostics)
        return
    show_diagnostics(checked.diagnostics, as_json=False, more=True)
    what = f"wrote {listed(list(made.value.changed))}" if made.value.changed else "nothing to add"
    click.echo(f"{LOCK_FILE}: {what}. Commit it with the document.")


def _list(*, as_json: bool) -> None:
    from dcplan.provider.origins import origins  # noqa: PLC0415 - as above
    from dcplan.workflow.checking import load  # noqa: PLC0415 - as above
    from dcplan.workflow.locking import check_lock, read_lock  # noqa: PLC0415 - as above

    project = project_of((), (), ())
    loaded = load(project)
    locked = read_lock(project)
    if loaded.value is None or locked.value is None:
        stop_with((*loaded.diagnostics, *locked.diagnostics), as_json=as_json)
    names = sorted(loaded.value.document.providers)
    problems = check_lock(project, names)
    told = [
        {
            "name": o.name,
            "package": o.package,
            "version": o.version,
            "digest": o.digest,
            "locked": None if (entry := locked.value.providers.get(o.name)) is None else entry.version,
        }
        for o in origins(names)
    ]
    if as_json:
        echo_json({"providers": told}, (*loaded.diagnostics, *problems))
        return
    for one in told:
        build = f"sha256 {str(one['digest'])[:12]}..." if one["digest"] else "build unknown: a checkout"
        kept = f"locked at {one['locked']}" if one["locked"] else "not locked"
        click.echo(f"{one['name']:<12}{one['package']} {one['version']}  ({build}; {kept})")
    show_diagnostics(problems, as_json=False)
