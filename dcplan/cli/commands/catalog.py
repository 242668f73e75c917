"""``dcplan catalog``: machines and prices, as they ship and as clouds tell them today."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dcplan.cli.exit_codes import CHANGES, ERROR
from dcplan.cli.options import (
    document_options,
    echo_json,
    json_option,
    project_of,
    show_diagnostics,
    stop_with,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.diag import Diagnostics
    from dcplan.workflow.cataloguing import Looked
    from dcplan.workflow.types import Project

SHOWN = 40
"""Rows that are shown to people unless they ask for more."""

F = TypeVar("F", bound="Callable[..., Any]")


@click.group(name="catalog")
def command() -> None:
    """Machines and prices that plans go by: as they ship with dcplan, or as clouds tell them today."""


def which_options(function: F) -> F:
    """``-provider`` and ``-region``, each several times if need be."""
    for option in (
        click.option(
            "-region", "--region", "regions", multiple=True, metavar="NAME", help="Only this region; repeat."
        ),
        click.option(
            "-provider",
            "--provider",
            "providers",
            multiple=True,
            metavar="NAME",
            help="Only this provider; repeat.",
        ),
    ):
        function = option(function)
    return function


count_option = click.option(
    "-n", "most", type=click.IntRange(0), default=SHOWN, show_default=True, help="Show so many; 0 shows all."
)

jumps_option = click.option(
    "-accept-jumps",
    "--accept-jumps",
    is_flag=True,
    help="Take list prices that moved by more than 30% as well; otherwise the old ones are kept.",
)


@command.command(name="list")
@which_options
@click.option(
    "-accelerator",
    "--accelerator",
    "accelerators",
    multiple=True,
    metavar="NAME",
    help="Only with this accelerator, by any of its names; repeat.",
)
@click.option(
    "-purchase",
    "--purchase",
    "purchases",
    multiple=True,
    type=click.Choice(("on-demand", "spot")),
    help="Only bought this way.",
)
@click.option("-all", "--all", "also_gone", is_flag=True, help="Also what is not sold.")
@count_option
@json_option
def list_(most: int, *, as_json: bool, **wanted: Any) -> None:
    """List offerings, the cheapest accelerator-hour first; unknown prices come last."""
    from dcplan.cli.views.catalog import row_data, rows_text  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.catalog_rows import CatalogFilter, listing  # noqa: PLC0415 - as above

    found = listing(project_of((), (), ()), CatalogFilter(**wanted))
    if found.value is None:
        stop_with(found.diagnostics, as_json=as_json)
    rows, at_s = found.value, time.time()
    if as_json:
        echo_json({"offerings": [row_data(row, at_s) for row in rows]}, found.diagnostics)
        return
    show_diagnostics(found.diagnostics, as_json=False, more=True)
    shown = rows[:most] if most else rows
    if not shown:
        click.echo("Nothing is offered that fits. With -all, what is not sold is listed, too.")
        return
    click.echo(rows_text(shown, at_s))
    if len(shown) < len(rows):
        click.echo(f"... and {len(rows) - len(shown):,} more: -n 0 lists all")


@command.command()
@click.argument("machine")
@json_option
def show(machine: str, *, as_json: bool) -> None:
    """Show all that is known of one MACHINE type, with sources and dates."""
    from dataclasses import asdict  # noqa: PLC0415 - --help stays light

    from dcplan.cli.views.advice import advice_data  # noqa: PLC0415 - as above
    from dcplan.cli.views.catalog import doubt_data, machine_text, row_data  # noqa: PLC0415 - as above
    from dcplan.workflow.catalog_rows import machine_shown  # noqa: PLC0415 - as above

    found = machine_shown(project_of((), (), ()), machine)
    if found.value is None:
        stop_with(found.diagnostics, as_json=as_json)
    shown, at_s = found.value, time.time()
    if not as_json:
        click.echo(machine_text(shown, at_s))
        return
    data = {
        "machine": asdict(shown.machine),
        "accelerator": asdict(shown.accelerator),
        "told": None if shown.told is None else asdict(shown.told),
        "doubts": [doubt_data(doubt) for doubt in shown.doubts],
        "offerings": [row_data(row, at_s) for row in shown.rows],
        "advice": advice_data(shown.advice, at_s),
        "listed_in": list(shown.listed_in),
    }
    echo_json(data, found.diagnostics)


@command.command()
@which_options
@jumps_option
@count_option
@document_options
@json_option
def refresh(
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    most: int,
    as_json: bool,
    **asked: Any,
) -> None:
    """Ask the clouds for machines and prices, and keep the answers for the next plans.

    Asks about the document's regions, or without a document about all that the catalogue knows. Nothing
    in the clouds is changed; the answers go to .dcplan/catalog.
    """
    from dcplan.workflow.cataloguing import keep, placed  # noqa: PLC0415 - --help stays light

    project = project_of(files, variables, var_files)
    looked, said = _look(project, asked, as_json=as_json)
    kept = keep(project, looked)
    said = (*said, *placed(project, kept.diagnostics))
    paths = [str(path) for path in kept.value or ()]
    _show(looked, said, most=most, as_json=as_json, more={"written": paths})
    if not as_json and paths:
        click.echo(f"\nKept in {', '.join(paths)}. Plans go by it from now on.")
    if any(d.severity.value == "error" for d in said):
        sys.exit(ERROR)


@command.command()
@which_options
@jumps_option
@count_option
@click.option(
    "-detailed-exitcode",
    "--detailed-exitcode",
    is_flag=True,
    help="End with 2 where a refresh changes something.",
)
@document_options
@json_option
def diff(  # noqa: PLR0913 - the options
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    most: int,
    detailed_exitcode: bool,
    as_json: bool,
    **asked: Any,
) -> None:
    """Ask the clouds, and show what a refresh would change; writes nothing."""
    looked, said = _look(project_of(files, variables, var_files), asked, as_json=as_json)
    _show(looked, said, most=most, as_json=as_json, more={})
    if any(d.severity.value == "error" for d in said):
        sys.exit(ERROR)
    if detailed_exitcode and any(one.changes for one in looked):
        sys.exit(CHANGES)


def _look(
    project: Project, asked: dict[str, Any], *, as_json: bool
) -> tuple[tuple[Looked, ...], Diagnostics]:
    """What the clouds say; ends the command where none of them answers."""
    from dcplan.workflow.cataloguing import CatalogAsked, look, placed  # noqa: PLC0415 - --help stays light

    found = look(project, CatalogAsked(**asked), time.time())
    said = placed(project, found.diagnostics)
    if found.value is None:
        stop_with(said, as_json=as_json)
    return found.value, said


def _show(
    looked: tuple[Looked, ...], said: Diagnostics, *, most: int, as_json: bool, more: dict[str, object]
) -> None:
    from dcplan.cli.views.catalog import looked_data, looked_text  # noqa: PLC0415 - as above

    if as_json:
        echo_json({"providers": [looked_data(one) for one in looked], **more}, said)
        return
    show_diagnostics(said, as_json=False, more=True)
    click.echo("\n\n".join(looked_text(one, most=most) for one in looked))
