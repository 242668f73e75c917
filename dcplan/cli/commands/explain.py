"""``dcplan explain``."""

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
@click.argument("workload", required=False)
@document_options
@json_option
def command(
    workload: str | None,
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    as_json: bool,
) -> None:
    """Tell why WORKLOAD (or each) runs as it does: the parts of each number, and what else was considered."""
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.cli.views import explain as view  # noqa: PLC0415 - as above
    from dcplan.diag import did_you_mean, error  # noqa: PLC0415 - as above
    from dcplan.workflow.explaining import reasons_against  # noqa: PLC0415 - as above
    from dcplan.workflow.planning import plan  # noqa: PLC0415 - as above

    with progress_line(quiet=as_json) as progress:
        planned = plan(project_of(files, variables, var_files), refresh=False, progress=progress)
    if planned.value is None or planned.value.decided is None:
        stop_with(planned.diagnostics, as_json=as_json)
    names = [w.name for w in planned.value.plan.workloads]
    if workload is not None and workload not in names:
        hint = did_you_mean(workload, names) or f"There are: {', '.join(names)}."
        detail = f'The document has no workload "{workload}". {hint}'
        stop_with((error("no-workload", "There is no such workload", detail),), as_json=as_json)
    chosen = [w for w in planned.value.plan.workloads if workload in {None, w.name}]
    decided = planned.value.decided
    against = {w.name: reasons_against(w.name, planned.value.checked, decided) for w in chosen}
    if as_json:
        echo_json(view.as_data(chosen, decided, against), planned.diagnostics)
        return
    show_diagnostics(planned.diagnostics, as_json=False, more=True)
    click.echo("\n\n".join(view.as_text(w, decided, against[w.name]) for w in chosen))
