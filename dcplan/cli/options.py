"""Options that several commands share, and what they make of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from dcplan.cli.exit_codes import ERROR

if TYPE_CHECKING:
    from dcplan.diag import Diagnostics
    from dcplan.workflow.executors import Fanout
    from dcplan.workflow.types import Project

FORMAT_VERSION = "1.0"
"""Of all JSON that commands print; the first number changes when a reader could break."""

EXECUTOR = "serial|processes[=N]|dask=ADDRESS"
"""Who may be named to work out questions."""

ARGUMENTS = "dcplan.arguments"
"""In click's ``meta``: the words behind the command, of which some win over others by their order."""

COMPACT_WARNINGS = "dcplan.compact_warnings"
"""In click's ``meta``: whether warnings that are alike are told in one line."""

F = TypeVar("F", bound=Callable[..., Any])


def list_options(nodes: str, jobs: str) -> Callable[[F], F]:
    """``-nodes`` and ``-jobs``: two lists that must be there, with what they hold for this command."""

    def with_lists(function: F) -> F:
        for name, metavar, words in (("jobs", "JOBS.csv", jobs), ("nodes", "NODES.csv", nodes)):
            path = click.Path(exists=True, dir_okay=False, path_type=Path)
            function = click.option(
                f"-{name}", f"--{name}", required=True, type=path, metavar=metavar, help=words
            )(function)
        return function

    return with_lists


def document_options(function: F) -> F:
    """``-f``, ``-var`` and ``-var-file``: which document, with which values."""
    for option in (
        click.option(
            "-var-file",
            "--var-file",
            "var_files",
            multiple=True,
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="YAML file of variable values.",
        ),
        click.option(
            "-var", "--var", "variables", multiple=True, metavar="NAME=VALUE", help="Set a variable."
        ),
        click.option(
            "-f",
            "--file",
            "files",
            multiple=True,
            type=click.Path(exists=True, path_type=Path),
            help="Document, or folder of documents; default dcplan.yaml and dcplan.d.",
        ),
    ):
        function = option(function)
    return function


LOCK_TIMEOUT = "dcplan.lock_timeout_s"
"""In click's ``meta``: how long to wait for the lock."""


def _note_timeout(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    """Keep what ``-lock-timeout`` says where ``project_of`` finds it."""
    from dcplan.units import UnitError, parse_duration_s  # noqa: PLC0415 - only for those who wait

    if value is None:
        return
    try:
        ctx.meta[LOCK_TIMEOUT] = parse_duration_s(value)
    except UnitError as problem:
        raise click.BadParameter(str(problem)) from None


lock_option = click.option(
    "-lock-timeout",
    "--lock-timeout",
    metavar="DURATION",
    expose_value=False,
    callback=_note_timeout,
    help="While somebody else has locked the state, try again for so long, such as 10m.",
)


def acting_options(function: F) -> F:
    """``-auto-approve`` and ``-parallelism``: for the commands that change something."""
    for option in (
        click.option(
            "-parallelism",
            "--parallelism",
            type=click.IntRange(1, 200),
            help="Operations under way at the same time; default 10, or what the document says.",
        ),
        click.option(
            "-on-error",
            "--on-error",
            type=click.Choice(("continue", "stop", "rollback-new")),
            help="When an operation fails: go on with what does not depend on it (default), start nothing "
            "more, or take away again what this run made anew.",
        ),
        click.option(
            "-failover",
            "--failover",
            type=click.Choice(("auto", "pools", "never")),
            help="When a pool is sold out: take the plan's next best one and, where none is left, plan anew "
            "(default); take only the plan's; or fail.",
        ),
        click.option(
            "-auto-approve",
            "--auto-approve",
            is_flag=True,
            help="Do not ask; needed where nobody can answer.",
        ),
        lock_option,
    ):
        function = option(function)
    return function


json_option = click.option("-json", "--json", "as_json", is_flag=True, help="Print JSON for programs.")


def executor_option(help_: str) -> Callable[[F], F]:
    """``-executor``: who works out questions that do not depend on each other."""
    return click.option("-executor", "--executor", metavar=EXECUTOR, help=help_)


def hide(command: click.Command, names: frozenset[str]) -> None:
    """Leave options out of the help of a command that refuses them or does nothing with them."""
    for param in command.params:
        if isinstance(param, click.Option) and param.name in names:
            param.hidden = True


def fanout_of(executor: str) -> Fanout:
    """Who is named by ``-executor``; a name that means nobody ends the command."""
    from dcplan.workflow.executors import read_fanout  # noqa: PLC0415 - only for those who name one

    try:
        return read_fanout(executor)
    except ValueError as problem:
        raise click.BadParameter(str(problem), param_hint="-executor") from None


def project_of(files: tuple[Path, ...], variables: tuple[str, ...], var_files: tuple[Path, ...]) -> Project:
    """The project in the current folder; a malformed ``-var`` or workspace ends the command."""
    from dcplan.workflow.inputs import default_var_files, later_files  # noqa: PLC0415 - as below
    from dcplan.workflow.types import Project  # noqa: PLC0415 - only commands that need a project pay for it
    from dcplan.workflow.workspaces import selected  # noqa: PLC0415 - as above

    values: dict[str, str] = {}
    for text in variables:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise click.BadParameter(f"{text!r} is not NAME=VALUE, as in -var ttft=500ms", param_hint="-var")
        values[name.strip()] = value
    workspace = selected(Path.cwd(), os.environ)
    ctx = click.get_current_context(silent=True)
    if workspace.value is None:
        stop_with(workspace.diagnostics, as_json=False)
    always = default_var_files(Path.cwd())
    typed = () if ctx is None else ctx.meta.get(ARGUMENTS, ())
    return Project(
        folder=Path.cwd(),
        files=files,
        variables=values,
        var_files=(*always, *var_files),
        later={name: count + len(always) for name, count in later_files(typed).items() if name in values},
        env=dict(os.environ),
        workspace=workspace.value,
        lock_timeout_s=0.0 if ctx is None else ctx.meta.get(LOCK_TIMEOUT, 0.0),
    )


def echo_json(data: Mapping[str, object], diagnostics: Diagnostics = ()) -> None:
    """Print the JSON of a command that went well: its data, and the warnings it came with."""
    click.echo(json_text(data, diagnostics))


def json_text(data: Mapping[str, object], diagnostics: Diagnostics = ()) -> str:
    """The JSON of a command: its data, if it has any, and what it has to say."""
    import json  # noqa: PLC0415 - only for programs

    from dcplan.cli.views.diagnostics import to_data  # noqa: PLC0415 - as above

    said = [to_data(d) for d in diagnostics]
    return json.dumps({"format_version": FORMAT_VERSION, **data, "diagnostics": said}, indent=2)


def stop_with(diagnostics: Diagnostics, *, as_json: bool, code: int = ERROR) -> NoReturn:
    """Show the diagnostics and end the command."""
    show_diagnostics(diagnostics, as_json=as_json)
    if not as_json and any(d.code == "no-document" for d in diagnostics):
        click.echo("\nA small example to start from is written by: dcplan init -example", err=True)
    sys.exit(code)


def show_diagnostics(diagnostics: Diagnostics, *, as_json: bool, more: bool = False) -> None:
    """Print diagnostics: as JSON to standard output, for people to standard error.

    ``more``: something else follows, so an empty line is put between.
    """
    from dcplan.cli.logs import log_diagnostics  # noqa: PLC0415 - only when something is wrong
    from dcplan.cli.views.diagnostics import as_text, to_data  # noqa: PLC0415 - as above

    if not diagnostics:
        return
    log_diagnostics(diagnostics)
    if as_json:
        import json  # noqa: PLC0415 - as above

        shown = {"format_version": FORMAT_VERSION, "diagnostics": [to_data(d) for d in diagnostics]}
        click.echo(json.dumps(shown, indent=2))
    else:
        ctx = click.get_current_context(silent=True)
        compact = ctx is not None and bool(ctx.meta.get(COMPACT_WARNINGS))
        click.echo(as_text(diagnostics, compact=compact) + ("\n" if more else ""), err=True)
