"""Which fact of the hardware is missing, where a model cannot be predicted on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.catalog.formats import formats
from dcplan.diag import Diagnostic, did_you_mean, error, listed
from dcplan.perf.device import peak_flops

if TYPE_CHECKING:
    from dcplan.catalog.efficiency import Efficiency
    from dcplan.catalog.types import Accelerator


def unknown_format(name: str) -> Diagnostic | None:
    """An error for a number format that nobody knows; None for one that is known."""
    if name in formats():
        return None
    known = sorted(formats())
    hint = did_you_mean(name, known)
    detail = f'dcplan does not know the number format "{name}". {hint} Known are {listed(known)}.'
    return error("unknown-precision", "Unknown precision", detail.replace("  ", " "))


def missing_fact(accelerator: Accelerator, name: str, efficiency: Efficiency) -> Diagnostic:
    """Why there is no prediction for a known format on this accelerator: the fact that is not there.

    A missing fact is never made up from another one: a peak of 0 would forbid
    what may be possible, and one that is guessed would promise what is not.
    """
    form = formats()[name]
    needed = {part.name: part for part in (form.mlp, form.experts, form.projections)}
    lacking = [part for part in needed.values() if peak_flops(accelerator, part.name) is None]
    if accelerator.bf16_flops is None:
        what = (
            "a dense peak in bf16, which attention and the output projection need whatever the weights have"
        )
    elif lacking:
        what = f"a dense peak in {listed([part.peak for part in lacking])}"
    else:
        names = [f"gemm/{p.name}" for p in needed.values() if efficiency.get(f"gemm/{p.peak}") is None]
        what = f"an efficiency figure {listed(names)}"
    possible = [
        other
        for other, one in formats().items()
        if all(peak_flops(accelerator, part.name) for part in (one.mlp, one.experts, one.projections))
    ]
    way_out = f" It is known for {listed(possible)}." if possible and accelerator.bf16_flops else ""
    return error(
        "missing-hardware-fact",
        "A hardware fact is missing",
        f"The catalogue has no figure of {accelerator.name} for {what}, and none is made up: it may be that "
        f"the chip lacks it, or that its maker does not tell.{way_out}",
    )
