"""``dcplan explain``."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcplan.cli.options import (
    document_options,
    echo_json,
    executor_option,
    fanout_of,
    json_option,
    project_of,
    show_diagnostics,
    stop_with,
)

if TYPE_CHECKING:
    from dcplan.placement.marginal import Prices
    from dcplan.workflow.executors import Fanout
    from dcplan.workflow.types import Decided, Planned


@click.command()
@click.argument("workload", required=False)
@document_options
@json_option
@click.option(
    "-why-not",
    "--why-not",
    "asked",
    metavar="WHAT[@WHERE]",
    help="What it would cost to run WORKLOAD on an accelerator or machine type, in a region, zone or pool.",
)
@executor_option("Who tries what WORKLOAD's rules cost; default serial.")
def command(  # noqa: PLR0913 - one parameter for each option
    workload: str | None,
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    as_json: bool,
    asked: str | None,
    executor: str | None,
) -> None:
    """Tell why WORKLOAD (or each) runs as it does: the parts of each number, and what else was considered."""
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.cli.views import explain as view  # noqa: PLC0415 - as above
    from dcplan.cli.views.plan import left_out_text  # noqa: PLC0415 - as above
    from dcplan.cli.views.why_not import prices_text  # noqa: PLC0415 - as above
    from dcplan.diag import did_you_mean, error  # noqa: PLC0415 - as above
    from dcplan.workflow.explaining import reasons_against  # noqa: PLC0415 - as above
    from dcplan.workflow.planning import plan  # noqa: PLC0415 - as above

    if asked is not None and workload is None:
        raise click.UsageError("--why-not asks about one workload: dcplan explain WORKLOAD --why-not WHAT.")
    if executor is not None and (workload is None or asked is not None):
        raise click.UsageError("-executor tries the rules of one workload: dcplan explain WORKLOAD.")
    fanout = fanout_of(executor or "serial")
    with progress_line(quiet=as_json) as progress:
        planned = plan(project_of(files, variables, var_files), refresh=False, progress=progress)
    if planned.value is None or planned.value.decided is None:
        stop_with(planned.diagnostics, as_json=as_json)
    names = [w.name for w in planned.value.plan.workloads]
    left_out = [one for one in planned.value.plan.left_out if workload in {None, one.workload}]
    names += [one.workload for one in left_out]
    if workload is not None and workload not in names:
        hint = did_you_mean(workload, names) or f"There are: {', '.join(names)}."
        detail = f'The document has no workload "{workload}". {hint}'
        stop_with((error("no-workload", "There is no such workload", detail),), as_json=as_json)
    chosen = [w for w in planned.value.plan.workloads if workload in {None, w.name}]
    decided = planned.value.decided
    if asked is not None and chosen:
        _why_not(chosen[0].name, asked, planned.value, decided, as_json=as_json)
        return
    against = {w.name: reasons_against(w.name, planned.value.checked, decided) for w in chosen}
    prices = _prices(workload, decided, fanout, as_json=as_json) if workload is not None and chosen else None
    if as_json:
        data = {**view.as_data(chosen, decided, against), "left_out": [asdict(one) for one in left_out]}
        if prices is not None:
            data["prices"] = asdict(prices)
        echo_json(data, planned.diagnostics)
        return
    show_diagnostics(planned.diagnostics, as_json=False, more=True)
    texts = [view.as_text(w, decided, against[w.name]) for w in chosen]
    if prices is not None:
        texts.append(prices_text(prices))
    click.echo("\n\n".join([*texts, *(left_out_text(one) for one in left_out)]))


def _prices(workload: str, decided: Decided, fanout: Fanout, *, as_json: bool) -> Prices:
    """What binds a workload, each rule loosened and all solved again."""
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.diag import Result  # noqa: PLC0415 - as above
    from dcplan.placement.marginal import prices_of  # noqa: PLC0415 - as above
    from dcplan.workflow.executors import helped  # noqa: PLC0415 - as above

    with progress_line(quiet=as_json) as progress:
        ask = partial(prices_of, decided.problem, decided.solution, workload, progress)
        found = helped(fanout, lambda helpers: Result(ask(helpers.executor)))
    if found.value is None:
        stop_with(found.diagnostics, as_json=as_json)
    return found.value


def _why_not(workload: str, asked: str, planned: Planned, decided: Decided, *, as_json: bool) -> None:
    """Answer why a workload does not run elsewhere."""
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.cli.views.explain import described  # noqa: PLC0415 - as above
    from dcplan.cli.views.why_not import elsewhere_text  # noqa: PLC0415 - as above
    from dcplan.workflow.why_not import elsewhere  # noqa: PLC0415 - as above

    with progress_line(quiet=as_json) as progress:
        answered = elsewhere(workload, asked, planned.checked, decided, progress)
    if answered.value is None:
        stop_with(answered.diagnostics, as_json=as_json)
    if as_json:
        echo_json({"why_not": asdict(answered.value)}, answered.diagnostics)
        return
    layouts = {c.id: described(c) for c in decided.candidates}
    click.echo(elsewhere_text(answered.value, layouts.get(answered.value.choice or "", "")))
