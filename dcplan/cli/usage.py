"""What was typed wrongly, told with what was meant: commands, options, files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from dcplan.cli.habits import ARGUMENT, instead

NO_COLOUR = frozenset({"-no-color", "--no-color"})

_SPELLINGS = re.compile(r"'(--?[\w-]+)'(?: / '--?[\w-]+')+")
_ARGUMENT = re.compile(r"'\[?([A-Z]+)\]?(?:\.\.\.)?'")
_SHORT = re.compile(r"-\w")
_LONG = re.compile(r"-[a-z]{2,}(-[a-z]+)*(=.*)?", re.DOTALL)


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
    """The same problem, or one that says more: what is not there, and what to type in its place."""
    if not isinstance(problem, click.UsageError) or problem.ctx is None:
        return problem
    ctx = problem.ctx
    at = ctx.command_path.partition(" ")[2]
    if isinstance(problem, click.NoSuchOption):
        return click.UsageError(_no_option(problem.option_name, typed, ctx), ctx)
    if isinstance(problem, click.BadParameter):
        glued = _taken_for_short(problem, typed)
        return problem if glued is None else click.UsageError(_no_option(glued, typed, ctx), ctx)
    said = problem.format_message()
    if isinstance(ctx.command, click.Group) and said.startswith("No such command"):
        name = said.partition("'")[2].partition("'")[0]
        hint = instead(f"{at} {name}", at) or _did_you_mean(name, ctx.command.commands)
        return click.UsageError(f"There is no command {at} {name}. {hint}".strip(), ctx)
    if said.startswith("Got unexpected extra argument") and (hint := instead(ARGUMENT, at)):
        return click.UsageError(f"{said.rstrip('.')}. {hint}", ctx)
    return problem


def _no_option(name: str, typed: Sequence[str], ctx: click.Context) -> str:
    """That there is no such option; click takes ``-ot`` for ``-o`` and ``-t``, we never do."""
    words = [word.partition("=")[0] for word in typed if word.startswith(name)]
    command, group = ctx.command, ctx.find_root().command
    option = next((word for word in words if word not in _options(command)), name)
    at = ctx.command_path.partition(" ")[2]
    if command is not group and option in _options(group):
        return f"{option} stands before the command: dcplan {option} ... {ctx.info_name}"
    hint = instead(option, at) or _did_you_mean(option, _options(command))
    if command is not group and not hint:
        hint = _who_has(option, group)
    if command is group and not hint:
        hint = "Most options stand after the command, as in: dcplan plan -f FILE"
    return f"There is no option {option}. {hint}".strip()


def _taken_for_short(problem: click.BadParameter, typed: Sequence[str]) -> str | None:
    """The option that click took for a short one and its value: ``-force`` for ``-f orce``."""
    known = () if problem.param is None else problem.param.opts
    short = [name for name in known if _SHORT.fullmatch(name)]
    words = (word for word in typed if _LONG.fullmatch(word) and word[:2] in short and word not in known)
    return next((word.partition("=")[0] for word in words), None)


def _who_has(option: str, group: click.Command) -> str:
    """Which other commands have the option; all of them are imported for that."""
    if not isinstance(group, click.Group):
        return ""
    ctx = click.Context(group)
    names = [
        name
        for name in group.list_commands(ctx)
        if (command := group.get_command(ctx, name)) is not None and option in _options(command)
    ]
    return f"It belongs to: {', '.join(f'dcplan {name}' for name in names)}" if names else ""


def _did_you_mean(typed: str, known: Iterable[str]) -> str:
    from dcplan.diag import did_you_mean  # noqa: PLC0415 - difflib is slow to import

    return did_you_mean(typed, known)


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
