"""Options of the commands that make plans: which mode, which part, and how it is shown."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dcplan.cli.options import COMPACT_WARNINGS

if TYPE_CHECKING:
    from dcplan.diag import Result
    from dcplan.workflow.types import Planned, Progress, Project, Scope, Tuning

F = TypeVar("F", bound=Callable[..., Any])

TRUTHS = ("true", "false")
INPUT = "DCPLAN_INPUT"
MAY_ASK = "dcplan.may_ask"
"""In click's ``meta``: whether a question may be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanAsked:
    """Which plan is wanted."""

    mode: str
    """``apply``, ``destroy`` or ``refresh-only``."""
    refresh: bool
    """Whether to ask the providers what is there."""
    scope: Scope

    @property
    def plain(self) -> bool:
        """Whether nothing but the plan that is always made was asked for."""
        scope = self.scope
        return self.mode == "apply" and self.refresh and not scope.confined and not scope.replaces


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How it is shown."""

    as_json: bool = False
    concise: bool = False
    json_into: Path | None = None


def plan_options(function: F) -> F:
    """Which plan: ``-destroy``, ``-refresh-only``, ``-refresh``, ``-target``... are given as ``asked``."""

    @functools.wraps(function)
    def collected(  # noqa: PLR0913 - one parameter an option
        *arguments: Any,
        destroy: bool,
        refresh_only: bool,
        refresh: str,
        targets: tuple[str, ...],
        target_files: tuple[Path, ...],
        excludes: tuple[str, ...],
        exclude_files: tuple[Path, ...],
        replaces: tuple[str, ...],
        **others: Any,
    ) -> Any:
        from dcplan.workflow.types import Scope  # noqa: PLC0415 - --help stays light

        scope = Scope(
            targets=(*targets, *_names_in(target_files)),
            excludes=(*excludes, *_names_in(exclude_files)),
            replaces=tuple(dict.fromkeys(replaces)),
        )
        mode = "destroy" if destroy else "refresh-only" if refresh_only else "apply"
        _agree(scope, refresh=refresh == "true", destroy=destroy, refresh_only=refresh_only)
        asked = PlanAsked(mode=mode, refresh=refresh == "true", scope=scope)
        return function(*arguments, asked=asked, **others)

    decorated: F = _with(collected, _PLAN_OPTIONS)
    return decorated


def _agree(scope: Scope, *, refresh: bool, destroy: bool, refresh_only: bool) -> None:
    """End the command when options contradict each other."""
    if destroy and refresh_only:
        raise click.UsageError("-destroy and -refresh-only are two different plans: name one of them.")
    if refresh_only and not refresh:
        raise click.UsageError("-refresh-only asks the providers, and -refresh=false forbids it.")
    if scope.targets and scope.excludes:
        raise click.UsageError("-target and -exclude confine a plan in opposite ways: use one of them.")
    if scope.replaces and (destroy or refresh_only):
        raise click.UsageError(
            "-replace makes something anew: it goes with neither -destroy nor -refresh-only."
        )


def _names_in(paths: tuple[Path, ...]) -> tuple[str, ...]:
    """The names in files: one a line, ``#`` begins a comment."""
    names: list[str] = []
    for path in paths:
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as problem:
            raise click.UsageError(f"{path} cannot be read: {problem}. Name a text file.") from None
        names += [name for line in lines if (name := line.partition("#")[0].strip())]
    return tuple(names)


def output_options(function: F) -> F:
    """``-json``, ``-json-into`` and ``-concise``, as ``shown``; ``-compact-warnings`` and ``-input``."""

    @functools.wraps(function)
    def collected(
        *arguments: Any, as_json: bool, concise: bool, json_into: Path | None, **others: Any
    ) -> Any:
        shown = Shown(as_json=as_json, concise=concise, json_into=json_into)
        return function(*arguments, shown=shown, **others)

    decorated: F = _with(collected, _OUTPUT_OPTIONS)
    return decorated


def make_plan(
    project: Project, asked: PlanAsked, progress: Progress, tuning: Tuning | None = None
) -> Result[Planned]:
    """The plan that was asked for."""
    from dcplan.cli.logs import log_plan, with_stages  # noqa: PLC0415 - --help stays light

    planned = _planned(project, asked, with_stages(progress), tuning)
    if planned.value is not None:
        log_plan(planned.value.plan)
    return planned


def _planned(
    project: Project, asked: PlanAsked, progress: Progress, tuning: Tuning | None
) -> Result[Planned]:
    from dcplan.workflow.planning import plan, plan_destroy  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.types import AS_ALWAYS  # noqa: PLC0415 - as above

    if asked.mode == "destroy":
        return plan_destroy(project, refresh=asked.refresh, scope=asked.scope)
    if asked.mode == "refresh-only":
        from dcplan.workflow.drift import plan_refresh  # noqa: PLC0415 - only for this mode

        return plan_refresh(project, scope=asked.scope)
    return plan(
        project, refresh=asked.refresh, progress=progress, tuning=tuning or AS_ALWAYS, scope=asked.scope
    )


def may_ask() -> bool:
    """Whether somebody may be asked: neither ``-input=false`` nor ``DCPLAN_INPUT`` forbids it."""
    if os.environ.get(INPUT, "").strip().lower() in {"false", "0", "no"}:
        return False
    ctx = click.get_current_context(silent=True)
    return ctx is None or bool(ctx.meta.get(MAY_ASK, True))


def _note(key: str) -> Callable[[click.Context, click.Parameter, Any], Any]:
    """A callback that keeps an option's value where all of the command sees it."""

    def keep(ctx: click.Context, _param: click.Parameter, value: Any) -> Any:
        ctx.meta[key] = value != "false" and bool(value)
        return value

    return keep


def _with(function: Any, options: tuple[Callable[[Any], Any], ...]) -> Any:
    for option in reversed(options):
        function = option(function)
    return function


input_option = click.option(
    "-input",
    "--input",
    type=click.Choice(TRUTHS),
    default="true",
    expose_value=False,
    callback=_note(MAY_ASK),
    help="With false, never ask: a question counts as answered with no.",
)

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_PLAN_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("-destroy", "--destroy", is_flag=True, help="Delete everything."),
    click.option(
        "-refresh-only",
        "--refresh-only",
        is_flag=True,
        help="Only bring the state up to date with the providers.",
    ),
    click.option(
        "-refresh",
        "--refresh",
        type=click.Choice(TRUTHS),
        default="true",
        help="Ask the providers what is there; with false, believe the state.",
    ),
    click.option(
        "-target",
        "--target",
        "targets",
        multiple=True,
        metavar="ADDRESS|WORKLOAD",
        help="Only this and what it needs; may be repeated.",
    ),
    click.option(
        "-target-file",
        "--target-file",
        "target_files",
        multiple=True,
        type=_FILE,
        help="Targets, one a line.",
    ),
    click.option(
        "-exclude",
        "--exclude",
        "excludes",
        multiple=True,
        metavar="ADDRESS|WORKLOAD",
        help="All but this and what needs it; may be repeated.",
    ),
    click.option(
        "-exclude-file",
        "--exclude-file",
        "exclude_files",
        multiple=True,
        type=_FILE,
        help="What to exclude, one a line.",
    ),
    click.option(
        "-replace",
        "--replace",
        "replaces",
        multiple=True,
        metavar="ADDRESS",
        help="Delete this and make it anew; may be repeated.",
    ),
)
_OUTPUT_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "-compact-warnings",
        "--compact-warnings",
        is_flag=True,
        expose_value=False,
        callback=_note(COMPACT_WARNINGS),
        help="One line for warnings that are alike, while there are no errors.",
    ),
    click.option("-concise", "--concise", is_flag=True, help="Only changes and what goes wrong."),
    input_option,
    click.option("-json", "--json", "as_json", is_flag=True, help="Print JSON for programs."),
    click.option(
        "-json-into",
        "--json-into",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Text for people here, and the JSON into FILE.",
    ),
)
