"""What was typed wrongly, told with what was meant: commands, options, files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click


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
