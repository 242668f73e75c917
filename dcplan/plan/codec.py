"""Plans as files: JSON through pydantic, written for the owner's eyes only."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcplan.diag import Result, SourceRange, error
from dcplan.plan.types import PLAN_VERSION, PlacedWorkload, Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import TypeAdapter

    from dcplan.resources import JsonValue

NOT_A_PLAN = "The file is not a plan of this version"


@cache
def adapter() -> TypeAdapter[Plan]:
    """Reads and writes plans; made once, because building it costs more than using it."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - 0.1 s that ``plan`` without ``-out`` does not pay

    return TypeAdapter(Plan)


def to_json(plan: Plan, *, indent: int | None = None) -> str:
    """The plan as JSON text."""
    return adapter().dump_json(plan, indent=indent).decode()


def write_plan(plan: Plan, path: Path) -> None:
    """Write the plan to ``path`` with mode 0600; a half-written file is never seen there."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(to_json(plan))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_plan(path: Path) -> Result[Plan]:
    """The plan in a file."""
    from pydantic import ValidationError  # noqa: PLC0415 - as ``adapter``

    try:
        text = path.read_bytes()
    except OSError as problem:
        detail = f"{path} cannot be read: {problem.strerror}."
        return Result(None, (error("plan-unreadable", "The plan cannot be read", detail),))
    try:
        plan = adapter().validate_json(text)
    except ValidationError as problem:
        first: Any = problem.errors()[0]
        where = ".".join(str(p) for p in first["loc"]) or "its beginning"
        detail = (
            f"{path} is no plan that this version of dcplan wrote (at {where}: {first['msg']}). "
            "Make it again with: dcplan plan -out FILE"
        )
        at = SourceRange(file=str(path), line=1, column=1)
        return Result(None, (error("not-a-plan", NOT_A_PLAN, detail, range=at),))
    if plan.version != PLAN_VERSION:
        detail = f"{path} has version {plan.version}; this dcplan reads version {PLAN_VERSION}."
        return Result(None, (error("not-a-plan", NOT_A_PLAN, detail),))
    return Result(plan)


def deployment_of(plan: Plan, applied_at: str) -> dict[str, JsonValue]:
    """What the state keeps of a plan that was applied, for ``show`` and for the next plan's "now"."""
    data: dict[str, Any] = adapter().dump_python(
        plan, mode="json", include={"project", "workloads", "usd_per_h", "solver"}
    )
    return {**data, "applied_at": applied_at}


def workloads_of(deployment: Mapping[str, JsonValue]) -> tuple[PlacedWorkload, ...]:
    """The workloads of a deployment; none when an older dcplan wrote it in other words."""
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 - as ``adapter``

    try:
        return TypeAdapter(tuple[PlacedWorkload, ...]).validate_python(
            deployment.get("workloads", ()), strict=False
        )
    except ValidationError:
        return ()
