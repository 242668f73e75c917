"""Plans in files: saved by ``plan -out``, shown by ``show``, carried out by ``apply``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from dcplan.apply.fresh import MAX_AGE_S, check_age
from dcplan.diag import Diagnostics, Result, error
from dcplan.plan import codec
from dcplan.plan.sealed import Unsealable
from dcplan.provider.origins import difference, origins
from dcplan.workflow.inputs import superfluous
from dcplan.workflow.sealing import DEFAULT_VARIABLE, made_sealer, sealer_of

if TYPE_CHECKING:
    from pathlib import Path

    from dcplan.plan.types import Plan
    from dcplan.workflow.types import Project


def save_plan(project: Project, plan: Plan, path: Path) -> Diagnostics:
    """Write the plan to ``path`` for its owner's eyes only, encrypted where the document asks for it.

    An error when that cannot be done; then nothing is written.
    """
    sealer = sealer_of(project)
    if sealer.diagnostics:
        return sealer.diagnostics
    try:
        codec.write_plan(plan, path, sealer.value)
    except Unsealable as problem:
        detail = f"{path} was not written. {problem}"
        return (error("plan-not-encrypted", "The plan could not be encrypted", detail),)
    except OSError as problem:
        detail = f"{path} cannot be written: {problem.strerror}. Name another file with -out."
        return (error("plan-not-written", "The plan could not be saved", detail),)
    return ()


def load_plan(project: Project, path: Path) -> Result[Plan]:
    """The plan in a file, as it was made.  No provider is opened; of a document, its ``encryption`` is read.

    Where there is no document, ``DCPLAN_PASSPHRASE`` opens an encrypted plan, and no other is taken.
    """
    from dcplan.config.files import default_paths  # noqa: PLC0415 - as heavy as YAML

    sealer = sealer_of(project)
    if sealer.value is None and not sealer.diagnostics and project.env.get(DEFAULT_VARIABLE):
        document = project.files or default_paths(project.folder)
        sealer = made_sealer(DEFAULT_VARIABLE, project.env, accepts_plain=bool(document))
    if sealer.diagnostics:
        return Result(None, sealer.diagnostics)
    return codec.read_plan(path, sealer.value)


def plan_to_apply(project: Project, path: Path, *, max_age_s: float = MAX_AGE_S) -> Result[Plan]:
    """The plan in a file, to be carried out.

    Older than ``max_age_s``, it comes with a warning.  ``apply`` compares it with the state and
    with the providers that are installed.
    """
    read = load_plan(project, path)
    if read.value is None:
        return read
    old = check_age(read.value, datetime.now(UTC).timestamp(), max_age_s)
    settled = superfluous(read.value, project.variables)
    return Result(read.value, (*read.diagnostics, *old, *settled))


def check_fits(project: Project, plan: Plan) -> Diagnostics:
    """Errors when a plan is of another workspace, or was made with other packages of its providers.

    A provider that is not installed at all, opening it will say.
    """
    if plan.inputs.workspace != project.workspace:
        detail = (
            f'The plan was made in workspace "{plan.inputs.workspace}", and this is "{project.workspace}". '
            f"Nothing was changed. Go there with: dcplan workspace select {plan.inputs.workspace}"
        )
        return (error("plan-other-workspace", "The plan is of another workspace", detail),)
    here = {origin.name: origin for origin in origins(o.name for o in plan.inputs.providers)}
    return tuple(
        error(
            "plan-other-provider",
            "The plan was made with another provider",
            f"The package of provider {was.name} {how}. It may do something else than what was planned. "
            "Nothing was changed. Plan again, or install what the plan was made with.",
            address=was.name,
        )
        for was in plan.inputs.providers
        if was.name in here and (how := difference(was, here[was.name]))
    )
