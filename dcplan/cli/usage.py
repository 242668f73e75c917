"""What was typed wrongly, told with what was meant: commands, options, files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

ELSEWHERE = {
    "help": "Write dcplan --help, or dcplan COMMAND --help.",
    "force-unlock": "Write: dcplan state force-unlock",
    "list": "Write: dcplan state list, or dcplan workspace list",
    "taint": "To make something anew: dcplan plan -replace=ADDRESS",
    "untaint": "Nothing is ever marked here: only -replace=ADDRESS makes something anew.",
    "env": "Write: dcplan workspace",
    "get": "Providers are Python packages, found once they are installed. Then: dcplan init",
    "login": "Providers and state servers use the credentials that your environment has.",
    "console": "To look at values: dcplan output, or dcplan show -json",
    "test": "To try a document: dcplan validate, and dcplan plan",
}
"""What people who know other tools type for a command, and how it is called here."""

NO_COLOUR = frozenset({"-no-color", "--no-color"})

_SPELLINGS = re.compile(r"'(--?[\w-]+)'(?: / '--?[\w-]+')+")
_ARGUMENT = re.compile(r"'\[?([A-Z]+)\]?(?:\.\.\.)?'")


def without_no_color(words: list[str]) -> tuple[list[str], bool]:
    """A command's words without ``-no-color``, which may stand anywhere before ``--``; whether it did."""
    end = words.index("--") if "--" in words else len(words)
    kept = [word for word in words[:end] if word not in NO_COLOUR]
    return [*kept, *words[end:]], len(kept) < end


def show_usage(problem: click.ClickException) -> None:
    """Tell what was typed wrongly on standard error, with the same words as any other problem."""
    if isinstance(problem, click.exceptions.NoArgsIsHelpError):
        click.echo(problem.format_message(), err=True)  # A group without a command: what there is in it.
        return
    ctx = getattr(problem, "ctx", None)
    if ctx is not None:
        click.echo(ctx.get_usage(), err=True, color=ctx.color)
        click.echo(f"All options: {ctx.command_path} --help\n", err=True, color=ctx.color)
    told = _SPELLINGS.sub(r"\1", problem.format_message())
    head = click.style("error: ", fg="red", bold=True)
    click.echo(head + _ARGUMENT.sub(r"\1", told), err=True, color=None if ctx is None else ctx.color)


def taught(problem: click.ClickException, typed: Sequence[str]) -> click.ClickException:
    """The same problem, or one that says more: click takes ``-ot`` for ``-o`` and ``-t``, we never do."""
    if not isinstance(problem, click.NoSuchOption) or problem.ctx is None:
        return problem
    from dcplan.diag import did_you_mean  # noqa: PLC0415 - difflib is slow to import

    words = [word.partition("=")[0] for word in typed if word.startswith(problem.option_name)]
    command, group = problem.ctx.command, problem.ctx.find_root().command
    option = next((word for word in words if word not in _options(command)), problem.option_name)
    if command is not group and option in _options(group):
        told = f"{option} stands before the command: dcplan {option} ... {problem.ctx.info_name}"
    elif option in {"-v", "--v"}:
        told = f"There is no option {option}. All versions: dcplan version"
    else:
        hint = did_you_mean(option, _options(command))
        if command is group and not hint:
            hint = "Most options stand after the command, as in: dcplan plan -f FILE"
        told = f"There is no option {option}. {hint}".strip()
    return click.UsageError(told, problem.ctx)


def _options(command: click.Command) -> set[str]:
    """Every spelling of every option, those for help included."""
    names = {name for param in command.params if isinstance(param, click.Option) for name in param.opts}
    return names | {"-h", "-help", "--help"}


class PlanFile(click.Path):
    """The path of a saved plan; where there is none, says how to make it."""

    def __init__(self) -> None:
        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """As click does, with the way out."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as problem:
            self.fail(f"{problem.message} Save a plan with: dcplan plan -out FILE", param, ctx)
