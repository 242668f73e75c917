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
@click.option(
    "-example", "--example", is_flag=True, help="First write a small document and data centre to start from."
)
@json_option
def command(
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    example: bool,
    as_json: bool,
) -> None:
    """Prepare this folder: check the document, its providers and the state.  Safe to repeat."""
    from dcplan.diag import plural  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.checking import init  # noqa: PLC0415 - as above

    if example:
        _write_example(as_json=as_json)
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
    show_diagnostics(made.diagnostics, as_json=False, more=True)
    path = project.state_path.relative_to(project.folder)
    click.echo(
        f"Ready: {plural(len(state.resources), 'resource')} in {path}; "
        f"{plural(len(checked.providers), 'provider')}: {', '.join(sorted(checked.providers))}.\n"
        "Keep .dcplan/ out of version control. Next: dcplan plan"
    )


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
