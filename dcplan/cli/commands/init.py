"""``dcplan init``."""

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


@click.command()
@document_options
@json_option
def command(
    files: tuple[Path, ...], variables: tuple[str, ...], var_files: tuple[Path, ...], *, as_json: bool
) -> None:
    """Prepare this folder: check the document, its providers and the state.  Safe to repeat."""
    from dcplan.diag import plural  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.checking import init  # noqa: PLC0415 - as above

    project = project_of(files, variables, var_files)
    made = init(project)
    if made.value is None:
        stop_with(made.diagnostics, as_json=as_json)
    checked, state = made.value
    if as_json:
        data = {
            "state": str(project.state_path),
            "lineage": state.lineage,
            "serial": state.serial,
            "providers": sorted(checked.providers),
        }
        echo_json(data, made.diagnostics)
        return
    show_diagnostics(made.diagnostics, as_json=False)
    path = project.state_path.relative_to(project.folder)
    click.echo(
        f"Ready: {plural(len(state.resources), 'resource')} in {path}; "
        f"{plural(len(checked.providers), 'provider')}: {', '.join(sorted(checked.providers))}.\n"
        "Keep .dcplan/ out of version control. Next: dcplan plan"
    )
