"""Values of variables: which files count without being named, which of two wins, what is given again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import Diagnostics, Result, error, has_errors, listed, warning
from dcplan.diag.hidden import anything_hidden, hidden_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from dcplan.config.variables import Outside
    from dcplan.plan.types import Plan
    from dcplan.workflow.types import Project


def default_var_files(folder: Path) -> tuple[Path, ...]:
    """Files that count without being named: ``dcplan.vars.yaml``, then ``*.auto.vars.yaml`` by name."""
    first = folder / "dcplan.vars.yaml"
    return (*((first,) if first.is_file() else ()), *sorted(folder.glob("*.auto.vars.yaml")))


def later_files(arguments: Sequence[str]) -> dict[str, int]:
    """Of each name that ``-var`` sets, how many ``-var-file`` stood before the last time it does."""
    later: dict[str, int] = {}
    files, waiting = 0, ""
    for word in arguments:
        if waiting:
            option, value = waiting, word
        else:
            option, _, value = word.partition("=")
            option = option.lstrip("-") if option.startswith("-") else ""
            if option in {"var", "var-file"} and "=" not in word:
                waiting = option
                continue
        waiting = ""
        if option == "var-file":
            files += 1
        elif option == "var":
            later[value.partition("=")[0].strip()] = files
    return later


def given_again(project: Project, plan: Plan) -> Result[Outside]:
    """What sets the hidden variables that a plan refers to; an error for values that are part of the plan."""
    from dcplan.config import hidden_names  # noqa: PLC0415 - pydantic; ``state list`` needs no plan
    from dcplan.config.files import shown  # noqa: PLC0415 - as above
    from dcplan.config.reader import read_file  # noqa: PLC0415 - as above
    from dcplan.config.variables import Outside  # noqa: PLC0415 - as above

    names = hidden_names(plan.settings)
    if not names:
        return Result(Outside(env=project.env))
    read = [read_file(path, shown(path)) for path in project.var_files]
    said: Diagnostics = tuple(d for one in read for d in one.diagnostics)
    if has_errors(said):
        return Result(None, said)
    files = [one.value for one in read if one.value is not None]
    return Result(Outside(project.variables, files, project.env, later=project.later))


def superfluous(plan: Plan, variables: Mapping[str, str]) -> Diagnostics:
    """A warning when ``-var`` sets what a saved plan has settled already."""
    from dcplan.config import hidden_names  # noqa: PLC0415 - as above

    needed = hidden_names(plan.settings)
    settled = sorted(set(variables) - set(needed))
    if not settled:
        return ()
    can = f" Only {listed(needed)} can be given again." if needed else ""
    detail = (
        f"A saved plan is applied exactly as it is, so -var {listed(settled)} changes nothing in it. To "
        f"change it, plan again.{can}"
    )
    return (warning("variable-settled", "A variable is settled by the plan", detail),)


def kept_nowhere(plan: Plan) -> Diagnostics:
    """An error when the value of a hidden variable would stand in the plan all the same."""
    if not anything_hidden():
        return ()
    from dcplan.plan.codec import to_json  # noqa: PLC0415 - only where something is hidden

    if not hidden_in(to_json(plan)):
        return ()
    detail = (
        "A provider has put the value of a sensitive or ephemeral variable into what is planned, so it would "
        "stand in the plan and in the state. Nothing was written. Use a variable without the mark there."
    )
    return (error("hidden-in-plan", "A hidden value would be kept", detail, path=("providers",)),)
