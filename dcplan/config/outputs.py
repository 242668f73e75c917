"""What a document tells others of itself, and what it does not want to hear of: ``outputs`` and ``drift``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Discriminator, Tag

from dcplan.config.strict import Strict
from dcplan.config.values import Many
from dcplan.diag import Diagnostic, did_you_mean, error, listed

if TYPE_CHECKING:
    from dcplan.config.check import Names
    from dcplan.config.document import Document

PARTS = ("endpoint", "machines", "replicas")
"""What can be told of a workload: the URL, and the addresses of what it runs on and as."""


class OutputSpec(Strict):
    """A value that ``dcplan output`` tells by a name."""

    value: str
    """``workloads.NAME.endpoint``, ``.machines`` or ``.replicas``, or ``resources.ADDRESS.OUTPUT``."""
    sensitive: bool = False
    """Hidden where people look; programs get it all the same."""
    description: str = ""


def _shape(value: Any) -> str:
    return "spec" if isinstance(value, dict | OutputSpec) else "reference"


Output = Annotated[
    Annotated[str, Tag("reference")] | Annotated[OutputSpec, Tag("spec")], Discriminator(_shape)
]
"""A reference, or a mapping with more about it."""


class DriftSpec(Strict):
    """What ``dcplan drift`` leaves out."""

    ignore: Many[str] = ()
    """``ADDRESS.ATTRIBUTE``, ``KIND.ATTRIBUTE`` or ``PROVIDER.KIND.ATTRIBUTE``; ``*`` for any of either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What an output refers to."""

    workload: str | None = None
    address: str | None = None
    """Exactly one of workload and address."""
    part: str
    """One of ``PARTS``, or the name of an output of the resource."""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """The reference that is written so; ValueError saying what is wrong."""
        head, _, rest = text.strip().partition(".")
        name, _, part = rest.rpartition(".")
        if head == "workloads" and name and part:
            if part not in PARTS:
                hint = did_you_mean(part, PARTS) or f"There are {listed(PARTS)}."
                msg = f'A workload has no "{part}" to tell. {hint}'
                raise ValueError(msg)
            return cls(workload=name, part=part)
        if head == "resources" and name.count(".") > 1 and part:
            return cls(address=name, part=part)
        msg = (
            f'"{text}" refers to nothing. Write workloads.NAME.endpoint (or .machines, .replicas), or '
            "resources.ADDRESS.OUTPUT, such as resources.local.machine.a-0.address."
        )
        raise ValueError(msg)


def output_of(spec: str | OutputSpec) -> OutputSpec:
    """The long form of either form."""
    return OutputSpec.model_construct(value=spec) if isinstance(spec, str) else spec


def outputs_refer(document: Document, names: Names) -> Iterator[Diagnostic]:
    """Each output refers to something that can be told, of a workload that there is."""
    for name, output in document.outputs.items():
        path = ("outputs", name) if isinstance(output, str) else ("outputs", name, "value")
        try:
            reference = Reference.parse(output_of(output).value)
        except ValueError as problem:
            yield error("output-reference", "An output refers to nothing", str(problem), path=path)
            continue
        if reference.workload is not None and reference.workload not in names.workloads:
            hint = (
                did_you_mean(reference.workload, names.workloads)
                or f"There are {listed(sorted(names.workloads))}."
            )
            detail = f'There is no workload "{reference.workload}". {hint}'
            yield error("output-reference", "An output refers to nothing", detail, path=path)


def ignore_rules_have_two_parts(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """A rule of what to ignore names a place and an attribute."""
    for i, rule in enumerate(document.drift.ignore):
        where, _, name = rule.strip().rpartition(".")
        if not where or not name:
            detail = (
                f'"{rule}" does not say of which resources. Write machine.{rule or "rack"} for all machines, '
                "or the address of one resource, a dot and the attribute."
            )
            yield error(
                "ignore-rule", "A rule of what to ignore cannot be read", detail, path=("drift", "ignore", i)
            )
