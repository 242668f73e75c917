"""``dcplan graph``."""

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
    """Print the resources that the document wants, and what needs what, as DOT (or JSON)."""
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.planning import plan  # noqa: PLC0415 - as above

    with progress_line(quiet=as_json) as progress:
        planned = plan(project_of(files, variables, var_files), refresh=False, progress=progress)
    if planned.value is None or planned.value.decided is None:
        stop_with(planned.diagnostics, as_json=as_json)
    resources = planned.value.decided.graph.resources
    if as_json:
        nodes = [{"address": str(a), "needs": [str(n) for n in r.needs]} for a, r in resources.items()]
        echo_json({"resources": nodes}, planned.diagnostics)
        return
    show_diagnostics(planned.diagnostics, as_json=False, more=True)
    lines = ["digraph dcplan {", "  rankdir = LR;", "  node [shape = box];"]
    for address, resource in resources.items():
        lines.append(f'  "{address}";')
        lines += [f'  "{address}" -> "{need}";' for need in resource.needs]
    click.echo("\n".join([*lines, "}"]))
