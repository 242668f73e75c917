"""``dcplan orphans``: list, adopt, delete."""

from __future__ import annotations

from pathlib import Path

import click

from dcplan.cli.exit_codes import CHANGES, ERROR
from dcplan.cli.options import (
    document_options,
    echo_json,
    json_option,
    lock_option,
    project_of,
    show_diagnostics,
)

approve_option = click.option("-auto-approve", "--auto-approve", is_flag=True, help="Do not ask.")


@click.group(name="orphans", invoke_without_command=True)
@document_options
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    as_json: bool,
) -> None:
    """List what carries this state's owner tag and is in nobody's books.

    Asks every provider; takes no lock, writes nothing.  Exits with 0 where
    there is none, 2 where there are some, 1 when a provider could not be asked.
    """
    if ctx.invoked_subcommand is not None:
        if files or variables or var_files or as_json:
            raise click.UsageError(f"Options stand behind {ctx.invoked_subcommand}.")
        return
    import time  # noqa: PLC0415 - --help stays light

    from dcplan.cli.views.orphans import orphans_data, orphans_text  # noqa: PLC0415 - as above
    from dcplan.cli.views.width import fitted  # noqa: PLC0415 - as above
    from dcplan.diag import has_errors  # noqa: PLC0415 - as above
    from dcplan.workflow.orphans import find_orphans  # noqa: PLC0415 - as above

    found = find_orphans(project_of(files, variables, var_files))
    failed = has_errors(found.diagnostics)
    if as_json:
        data = {} if found.value is None else orphans_data(found.value, time.time())
        echo_json(data, found.diagnostics)
    else:
        text = "" if found.value is None else orphans_text(found.value, time.time(), whole=not failed)
        show_diagnostics(found.diagnostics, as_json=False, more=bool(text))
        if text:
            click.echo(fitted(text))
    if found.value is None or failed:
        raise SystemExit(ERROR)
    if found.value.orphans:
        raise SystemExit(CHANGES)


@command.command(short_help="Take orphans into the state.")
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@document_options
@approve_option
@lock_option
@json_option
def adopt(  # noqa: PLR0913 - one parameter an option
    ids: tuple[str, ...],
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    auto_approve: bool,
    as_json: bool,
) -> None:
    """Take the orphans with these IDs into the state, as an import does, after you say yes.

    Each gets the address that its provider knows it by.  What the document
    wants of it, the next plan shows: what no workload needs is deleted then.
    """
    from dcplan.cli.orphans import Wanted, run_adopt  # noqa: PLC0415 - --help stays light

    wanted = Wanted(ids=ids, approved=auto_approve, as_json=as_json)
    raise SystemExit(run_adopt(project_of(files, variables, var_files), wanted))


@command.command(short_help="Delete orphans.")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("-all", "--all", "everything", is_flag=True, help="All orphans.")
@document_options
@approve_option
@lock_option
@json_option
def delete(  # noqa: PLR0913 - one parameter an option
    ids: tuple[str, ...],
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    everything: bool,
    auto_approve: bool,
    as_json: bool,
) -> None:
    """Delete the orphans with these IDs, or all of them, after you say yes.

    Each delete is in the journal before its call, so that a crash loses none.
    """
    from dcplan.cli.orphans import Wanted, run_delete  # noqa: PLC0415 - --help stays light

    if bool(ids) == everything:
        raise click.UsageError("Name the IDs of orphans, or say -all.")
    wanted = Wanted(ids=None if everything else ids, approved=auto_approve, as_json=as_json)
    raise SystemExit(run_delete(project_of(files, variables, var_files), wanted))
