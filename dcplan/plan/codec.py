"""Plans as files: JSON through pydantic, written for the owner's eyes only."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dcplan.diag import Result, SourceRange, error
from dcplan.plan.sealed import Unsealable, is_sealed
from dcplan.plan.types import PLAN_VERSION, Drift, PlacedWorkload, Plan, ReadEntry
from dcplan.resources import Change

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pydantic import TypeAdapter

    from dcplan.plan.sealed import Sealer
    from dcplan.resources import JsonValue

ASSOCIATED = b"plan"
"""What a sealed plan is bound to be."""
_DIGEST = re.compile(rb',"sha256":"([0-9a-f]{64})"}\Z')
_LONG = {"drift": Drift, "state_changes": Change, "changes": Change, "read_set": ReadEntry}
"""Fields that grow with the number of resources, and what they are lists of."""
NOT_A_PLAN = "The file is not a plan of this version"


@cache
def adapter() -> TypeAdapter[Plan]:
    """Reads and writes plans; made once, because building it costs more than using it."""
    from pydantic import TypeAdapter  # noqa: PLC0415 - 0.1 s that ``plan`` without ``-out`` does not pay

    return TypeAdapter(Plan)


def to_json(plan: Plan, *, indent: int | None = None) -> str:
    """The plan as JSON text."""
    return adapter().dump_json(plan, indent=indent).decode()


def fields_of(plan: Plan) -> Iterator[tuple[str, object]]:
    """Name and JSON value of each field, in order; an iterator over those of a long list's items."""
    short = json.loads(adapter().dump_json(plan, exclude=set(_LONG)))
    for field in fields(plan):
        if field.name in _LONG:
            yield field.name, _items(getattr(plan, field.name), _LONG[field.name])
        else:
            yield field.name, short[field.name]


def _items(items: Iterable[object], of: type) -> Iterator[object]:
    from pydantic import TypeAdapter  # noqa: PLC0415 - as ``adapter``

    one: TypeAdapter[object] = TypeAdapter(of)
    return (json.loads(one.dump_json(item)) for item in items)


def write_plan(plan: Plan, path: Path, sealer: Sealer | None = None) -> None:
    """Write the plan to ``path`` with mode 0600, sealed by ``sealer``; never half-written."""
    content = _with_digest(adapter().dump_json(plan))
    if sealer is not None:
        content = sealer.seal(content, ASSOCIATED)
    if _is_device(path):
        path.write_bytes(content)  # It is written to; to put a file in its place would break it for all.
        return
    target = path.resolve()  # Of a link, the file that it leads to.
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _is_device(path: Path) -> bool:
    """Whether a path is a device, a pipe, or a process's own output, such as ``/dev/stdout``."""
    system = path.is_symlink() and path.absolute().parts[1:2] in {("dev",), ("proc",)}
    return system or (path.exists() and not path.is_file() and not path.is_dir())


def read_plan(path: Path, sealer: Sealer | None = None) -> Result[Plan]:
    """The plan in a file, which ``sealer`` opens."""
    from pydantic import ValidationError  # noqa: PLC0415 - as ``adapter``

    try:
        text = path.read_bytes()
    except OSError as problem:
        detail = f"{path} cannot be read: {problem.strerror}."
        return Result(None, (error("plan-unreadable", "The plan cannot be read", detail),))
    opened = _opened(text, path, sealer)
    if opened.value is None:
        return Result(None, opened.diagnostics)
    whole = _is_whole(opened.value)
    if whole is False:
        return _damaged(path, "does not match")
    try:
        plan = adapter().validate_json(opened.value)
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
    return Result(plan) if whole else _damaged(path, "is missing")


def _damaged(path: Path, how: str) -> Result[Plan]:
    detail = f"{path} is not as it was written: its digest {how}. Nothing was changed. Plan again."
    return Result(None, (error("plan-damaged", "The plan is damaged", detail),))


def _with_digest(text: bytes) -> bytes:
    """A plan's JSON with the sha256 of itself as its last key, so that harm done to the file is noticed."""
    return text[:-1] + b',"sha256":"' + hashlib.sha256(text).hexdigest().encode() + b'"}'


def _is_whole(content: bytes) -> bool | None:
    """Whether a plan is as it was written; None without a digest: whatever it is, it was not written here."""
    found = _DIGEST.search(content)
    if found is None:
        return None
    return hashlib.sha256(content[: found.start()] + b"}").hexdigest() == found[1].decode()


def _opened(content: bytes, path: Path, sealer: Sealer | None) -> Result[bytes]:
    """What a file holds, once it is decrypted if need be."""
    if not is_sealed(content):
        if sealer is None or sealer.accepts_plain:
            return Result(content)
        detail = (
            f"{path} is not encrypted, and the document, or DCPLAN_PASSPHRASE where there is none, asks for "
            "encryption. Plan again; or have the document allow such files for a while with encryption: "
            "{fallback: unencrypted}."
        )
        return Result(None, (error("plan-not-encrypted", "The plan is not encrypted", detail),))
    if sealer is None:
        detail = (
            f"{path} is encrypted, and no key is known here. Run the command where the document with its "
            "`encryption` is, or put the passphrase into DCPLAN_PASSPHRASE."
        )
        return Result(None, (error("plan-encrypted", "The plan is encrypted", detail),))
    try:
        return Result(sealer.open(content, ASSOCIATED))
    except Unsealable as problem:
        detail = f"{path} cannot be decrypted. {problem} Nothing was changed."
        return Result(None, (error("plan-not-decrypted", "The plan cannot be decrypted", detail),))


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
