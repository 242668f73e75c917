"""``dcplan recover``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from dcplan.cli.options import document_options, json_option, lock_option, project_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dcplan.resources import Address


@click.command()
@document_options
@click.option(
    "-choose",
    "--choose",
    "chosen",
    multiple=True,
    metavar="ADDRESS=ID|none",
    help="Where dcplan cannot find out: the object that the operation made, or none; may be repeated.",
)
@click.option(
    "-yes-repurchase",
    "--yes-repurchase",
    "repurchase",
    is_flag=True,
    help="Order again what may have been paid for, where nothing can be seen of it.",
)
@click.option("-auto-approve", "--auto-approve", is_flag=True, help="Do not ask.")
@click.option(
    "-parallelism",
    "--parallelism",
    type=click.IntRange(1, 200),
    help="Operations under way at the same time; default 10, or what the document says.",
)
@lock_option
@json_option
def command(  # noqa: PLR0913 - one parameter an option
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    chosen: tuple[str, ...],
    repurchase: bool,
    auto_approve: bool,
    parallelism: int | None,
    as_json: bool,
) -> None:
    """Finish what an interrupted apply left open, and do nothing else.

    Shows each open operation and what will be done about it, asks, and does
    it.  What is done is what the next apply would do first.
    """
    from dcplan.cli.recovering import Wanted, run_recover  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.settings import ApplyFlags  # noqa: PLC0415 - as above

    choices = choices_of(chosen)
    if as_json and not auto_approve:
        raise click.UsageError("-json cannot ask: add -auto-approve.")
    wanted = Wanted(
        choices=choices,
        flags=ApplyFlags(parallelism=parallelism, repurchase=repurchase),
        approved=auto_approve,
        as_json=as_json,
    )
    raise SystemExit(run_recover(project_of(files, variables, var_files), wanted))


def choices_of(texts: Iterable[str]) -> dict[Address, str | None]:
    """Address to object id, or None for nothing; a text that cannot be read ends the command."""
    from dcplan.resources import Address  # noqa: PLC0415 - as above

    choices: dict[Address, str | None] = {}
    for text in texts:
        where, sign, object_id = text.partition("=")
        try:
            address = Address.parse(where)
        except ValueError:
            address = None
        if address is None or not sign or not object_id:
            raise click.BadParameter(
                f"{text!r} is not ADDRESS=ID or ADDRESS=none, as in local.machine.a-0=machine-000001",
                param_hint="-choose",
            )
        if address in choices:
            raise click.BadParameter(f"{address} is chosen twice.", param_hint="-choose")
        choices[address] = None if object_id == "none" else object_id
    return choices
