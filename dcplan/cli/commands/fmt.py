"""``dcplan fmt``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from dcplan.cli.exit_codes import CHANGES, ERROR
from dcplan.cli.options import echo_json, json_option, show_diagnostics, stop_with

if TYPE_CHECKING:
    from dcplan.workflow.formatting import Formatted

_YES_NO = click.Choice(("true", "false"))


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, allow_dash=True, path_type=Path))
@click.option(
    "-check", "--check", is_flag=True, help="Write nothing; exit 2 when a file is not in canonical layout."
)
@click.option("-diff", "--diff", is_flag=True, help="Show what changes.")
@click.option("-write", "--write", type=_YES_NO, default="true", help="With false, write nothing.")
@click.option(
    "-list",
    "--list",
    "list_",
    type=_YES_NO,
    default="true",
    help="With false, do not name files that change.",
)
@click.option("-recursive", "--recursive", is_flag=True, help="Also in folders below.")
@json_option
def command(  # noqa: PLR0913 - one parameter an option
    files: tuple[Path, ...],
    *,
    check: bool,
    diff: bool,
    write: str,
    list_: str,
    recursive: bool,
    as_json: bool,
) -> None:
    """Write documents in their canonical layout; comments, quotes and line breaks of lists stay.

    FILES are files or folders; none is dcplan.yaml and dcplan.d of this folder, - is standard input, which is
    written to standard output.
    """
    from dcplan.workflow.formatting import formatted  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.formatting import write as write_files  # noqa: PLC0415 - as above

    if Path("-") in files:
        if len(files) > 1:
            raise click.UsageError("Standard input (-) stands alone.")
        _filter(check=check, diff=diff)
    found = formatted(files or (Path(),), recursive=recursive)
    if found.value is None:
        stop_with(found.diagnostics, as_json=as_json)
    problems = found.diagnostics
    if write == "true" and not check:
        problems = (*problems, *write_files(found.value))
    changed = [file for file in found.value if file.changed]
    if as_json:
        echo_json({"files": [_told(file, diff=diff) for file in found.value]}, problems)
    else:
        show_diagnostics(problems, as_json=False)
        _show(changed, names=list_ == "true", diff=diff)
    if problems:
        raise SystemExit(ERROR)
    if check and changed:
        raise SystemExit(CHANGES)


def _show(changed: list[Formatted], *, names: bool, diff: bool) -> None:
    """Files that change, for people."""
    for file in changed:
        if names:
            click.echo(file.shown)
        if diff:
            click.echo(file.diff(), nl=False)


def _told(file: Formatted, *, diff: bool) -> dict[str, object]:
    """One file for programs."""
    shown: dict[str, object] = {"file": file.shown, "changed": file.changed}
    return {**shown, "diff": file.diff()} if diff else shown


def _filter(*, check: bool, diff: bool) -> NoReturn:
    """Standard input to standard output."""
    from dcplan.workflow.formatting import Formatted, format_text  # noqa: PLC0415 - as above

    name = "standard input"
    try:
        text = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError:
        raise click.UsageError("Standard input is not UTF-8 text.") from None
    made = format_text(text, name)
    if made.value is None:
        stop_with(made.diagnostics, as_json=False)
    file = Formatted(path=Path("-"), shown=name, before=text, after=made.value)
    if diff:
        click.echo(file.diff(), nl=False)
    elif not check:
        click.echo(made.value, nl=False)
    raise SystemExit(CHANGES if check and file.changed else 0)
