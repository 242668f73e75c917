"""The ``dcplan`` command: finds the subcommand and imports only that."""

from __future__ import annotations

import contextlib
import errno
import gc
import importlib
import os
import sys
import threading
from typing import Any, NoReturn

import click

from dcplan import __version__
from dcplan.cli.exit_codes import ERROR, INTERRUPTED
from dcplan.cli.habits import instead
from dcplan.cli.usage import show_usage, taught, without_no_color
from dcplan.diag.log import LEVEL, log

COMMANDS = {
    "init": "Prepare this folder: the work folder, the state and the providers.",
    "validate": "Check the document; talk to nobody.",
    "fmt": "Write documents in their canonical layout.",
    "plan": "Work out what to run where, and show what would change.",
    "apply": "Make it so: a saved plan, or a new one after you say yes.",
    "destroy": "Delete everything this project made.",
    "refresh": "Bring the state up to date with the providers, after you say yes.",
    "drift": "Show what is not as the state says; changes nothing.",
    "output": "Show endpoints, machines and the document's outputs.",
    "recover": "Finish what an interrupted apply left open, after you say yes.",
    "orphans": "List what this state made and nobody knows of; take it in or delete it.",
    "history": "Show who changed what and when, and how it ended.",
    "show": "Show what was last applied, or a saved plan.",
    "import": "Write entries for what exists and the state does not hold.",
    "state": "Look into the state, and mend it: list, show, pull, mv, rm, push, resolve, force-unlock.",
    "catalog": "Machines and prices: list, show, refresh from the clouds, diff.",
    "providers": "List the providers' packages, and lock them.",
    "workspace": "Keep several states of one document apart: list, show, new, select, delete.",
    "iam": "Print the smallest cloud permissions for a plan.",
    "graph": "Print the resources and what needs what, as DOT or JSON.",
    "explain": "Tell why a workload runs as it does, and what else was considered.",
    "estimate": "Predict one layout of one model, part by part; no document is needed.",
    "search": "Find the best layouts of one model on so many accelerators; no document is needed.",
    "pack": "Place a list of jobs on machines that already stand, with a proven bound.",
    "defrag": "Free whole slices or racks of an existing data centre with the fewest moves.",
    "calibrate": "Fit the figures that predictions rest on to your own measurements.",
    "measure": "Time this machine, and write the measurements that calibrate takes.",
    "schema": "Print the JSON Schema of a file that dcplan reads or writes.",
    "version": "Print the versions of dcplan, Python and the solver.",
}


CLI_ARGS = "DCPLAN_CLI_ARGS"
"""Environment variables that begin so hold arguments, as if they had been typed."""


VARIABLES = {
    "DCPLAN_LOG": "trace, debug, info, warn or error: tell what dcplan does meanwhile, on standard error; "
    "json: all of it, as lines of JSON.",
    "DCPLAN_LOG_PATH": "Append the log to this file instead.",
    "DCPLAN_VAR_NAME": "Sets the document's variable NAME.",
    "DCPLAN_WORKSPACE": "The workspace that commands mean.",
    "DCPLAN_INPUT": "false: never ask.",
    "DCPLAN_PASSPHRASE": "Opens what is encrypted, unless the document names another variable.",
    "DCPLAN_DATA_DIR": "The work folder, in place of .dcplan.",
    "DCPLAN_CLI_ARGS": "Arguments for every command; with _plan behind the name, for plan alone.",
    "NO_COLOR": "Set: never colour the output.",
}
"""What a user may set, in the order of the help."""


class LazyGroup(click.Group):
    """A group whose commands live in ``dcplan.cli.commands.<name>`` and are imported when used."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """As click does, but with our exit codes: 2 means changes here, so wrong usage ends with 1."""
        try:
            code = super().main(*args, **{**kwargs, "standalone_mode": False})
        except SystemExit as end:
            _log_end(end.code)
            raise
        except click.ClickException as problem:
            typed = args[0] if args else kwargs.get("args") or sys.argv[1:]
            given = {name: value for name, value in os.environ.items() if name.startswith(CLI_ARGS)}
            words = [*typed, *(word for text in given.values() for word in text.split())]
            show_usage(taught(problem, words))
            if given:
                click.echo(f"Arguments were also taken from {', '.join(given)}.", err=True)
            code = ERROR
        except click.Abort:
            # Ctrl-C where nothing was under way.
            click.echo("\nStopped. Nothing was changed.", err=True)
            code = INTERRUPTED
        _log_end(code if isinstance(code, int) else 0)
        sys.exit(code if isinstance(code, int) else 0)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, in the order in which they are used."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"dcplan.cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with a suggestion for a name that is nearly right."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from dcplan.diag import did_you_mean  # noqa: PLC0415 - difflib is slow to import

            hint = instead(args[0]) or did_you_mean(args[0], COMMANDS)
            ctx.fail(f"There is no command {args[0]!r}. {hint}".strip())
        name, command, rest = super().resolve_command(ctx, args)
        words, plain = without_no_color([*_from_environment(name or "", command, rest)])
        if plain:
            ctx.color = False
        ctx.meta["dcplan.arguments"] = tuple(words)
        return name, command, words

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """What may be set from outside, then the last words."""
        with formatter.section("Environment variables"):
            formatter.write_dl(list(VARIABLES.items()))
        super().format_epilog(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """The list of commands, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "-help", "--help"], "max_content_width": 100},
    epilog="Start with: dcplan init -example, in an empty folder",
)
@click.option(
    "-chdir",
    "--chdir",
    type=click.Path(exists=True, file_okay=False),
    help="Work in this folder instead of the current one.",
)
@click.option("-no-color", "--no-color", is_flag=True, help="Never colour the output.")
@click.version_option(__version__, "-V", "-version", "--version", message="dcplan %(version)s")
@click.pass_context
def cli(ctx: click.Context, chdir: str | None, *, no_color: bool) -> None:
    """Terraform for AI-model infrastructure.

    Declare models and SLAs in dcplan.yaml; dcplan works out demand, sharding
    and placement at the least proven cost, shows the difference, and applies it.
    """
    if os.environ.get(LEVEL):
        from dcplan.cli.logs import begin_log  # noqa: PLC0415 - only for those who log

        # Before the folder changes: the name of the log's file counts from the one where it was typed.
        name = ctx.invoked_subcommand or ""
        begin_log(name, cli.get_command(ctx, name), ctx.meta.get("dcplan.arguments", ()))
    if chdir:
        os.chdir(chdir)
    if no_color or os.environ.get("NO_COLOR"):  # https://no-color.org: set and not empty
        ctx.color = False


def _log_end(code: object) -> None:
    if os.environ.get(LEVEL):
        from dcplan.cli.logs import log_end  # noqa: PLC0415 - only for those who log

        log_end(code)


def _from_environment(name: str, command: click.Command | None, rest: list[str]) -> list[str]:
    """The arguments of a command, those of the environment first, so that what is typed wins.

    ``DCPLAN_CLI_ARGS`` is for every command, ``DCPLAN_CLI_ARGS_plan`` for one, ``DCPLAN_CLI_ARGS_state_list``
    for one in a group.
    """
    inside = 1 if isinstance(command, click.Group) and rest and not rest[0].startswith("-") else 0
    path = "_".join([name, *rest[:inside]]).replace("-", "_")
    given = [os.environ.get(variable, "") for variable in (CLI_ARGS, f"{CLI_ARGS}_{path}")]
    if not any(given):
        return rest
    import shlex  # noqa: PLC0415 - only for those who set them

    try:
        words = [word for text in given for word in shlex.split(text)]
    except ValueError as problem:
        raise click.UsageError(f"{CLI_ARGS} cannot be read: {problem}. Close its quotes.") from None
    return [*rest[:inside], *words, *rest[inside:]]


GARBAGE_THRESHOLDS = (100_000, 50, 50)
"""When Python looks for reference cycles.  dcplan makes many values and next to no cycles; with Python's
own thresholds a third of a plan of 10,000 resources is spent on looking at them again and again."""

UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""What the system says of a disk that takes no more, such as the one that the output is redirected to."""


def main() -> None:
    """Entry point of the console script."""
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    threading.excepthook = _show_of_thread
    try:
        cli.main(prog_name="dcplan")
    except BrokenPipeError:
        # The reader (head, less) has gone: there is nobody left to tell.
        sys.stderr.close()
        sys.exit(ERROR)
    except Exception as problem:  # noqa: BLE001 - told in full below
        if isinstance(problem, OSError) and problem.errno in UNWRITABLE:
            _unwritten(problem)
        # What users do wrong becomes diagnostics; an exception that comes this far is ours.
        click.echo(
            "This is a bug in dcplan. Please report it with the lines below. Your state is safe:", err=True
        )
        click.echo("the next apply first finds out what the last one did.\n", err=True)
        _show(problem)
        sys.exit(ERROR)


def _show_of_thread(told: threading.ExceptHookArgs) -> None:
    """An exception that ends a thread, which may be a provider's own."""
    if told.exc_value is not None and not isinstance(told.exc_value, SystemExit):
        _show(told.exc_value)


def _show(problem: BaseException) -> None:
    """An exception as Python shows it, without what is hidden: a provider may say it in its own words."""
    import traceback  # noqa: PLC0415 - only for an exception

    from dcplan.diag.hidden import redacted  # noqa: PLC0415 - as above

    text = redacted("".join(traceback.format_exception(problem)))
    log("error", "cli", "exception", traceback=text)
    click.echo(text, err=True, nl=False)


def _unwritten(problem: OSError) -> NoReturn:
    """Say that the output has nowhere to go, and end."""
    with contextlib.suppress(OSError):  # Standard error may be on the same disk.
        click.echo(
            f"error: The output could not be written\n  {problem.strerror}. Make room, or write elsewhere. "
            "Of an apply nothing is lost: the next one\n  first finds out what this one did.",
            err=True,
        )
    with contextlib.suppress(OSError):
        sys.stdout.close()  # Or the interpreter tries it once more, and complains.
    sys.exit(ERROR)


if __name__ == "__main__":
    main()
