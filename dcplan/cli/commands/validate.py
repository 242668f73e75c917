"""``dcplan validate``."""

from __future__ import annotations

from pathlib import Path

import click

from dcplan.cli.exit_codes import ERROR
from dcplan.cli.options import document_options, echo_json, json_option, project_of, show_diagnostics


@click.command()
@document_options
@json_option
def command(
    files: tuple[Path, ...], variables: tuple[str, ...], var_files: tuple[Path, ...], *, as_json: bool
) -> None:
    """Check the document: every problem at once, each at its line.  Talks to nobody."""
    from dcplan.diag import Severity, plural  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.checking import check  # noqa: PLC0415 - as above

    checked = check(project_of(files, variables, var_files), locked=False)
    errors = [d for d in checked.diagnostics if d.severity is Severity.ERROR]
    if as_json:
        data = {
            "valid": not errors,
            "error_count": len(errors),
            "warning_count": len(checked.diagnostics) - len(errors),
        }
        echo_json(data, checked.diagnostics)
    else:
        show_diagnostics(checked.diagnostics, as_json=False)
    if errors or checked.value is None:
        raise SystemExit(ERROR)
    if not as_json:
        count = plural(len(checked.value.demand.workloads), "workload")
        click.echo(f"The document is valid: {count} of project {checked.value.demand.project}.")
