"""What keeps a layer problem from being answered, in words for who asked."""

from __future__ import annotations

import math

from dcplan.diag import Diagnostic, error, listed, plural
from dcplan.placement.layers.types import Kind, LayerProblem


def unanswerable(problem: LayerProblem) -> tuple[Diagnostic, ...]:
    """Everything that makes no sense, all at once."""
    said: list[Diagnostic] = []
    if problem.layers < 1:
        detail = f"A model has at least one layer, and this one has {problem.layers}."
        said.append(error("no-layers", "There are no layers to place", detail))
    names = [kind.name for kind in problem.kinds]
    for name in sorted({name for name in names if names.count(name) > 1}):
        detail = f'"{name}" is named more than once. Say once how many machines of it there are.'
        said.append(error("wrong-machines", "Machines are named twice", detail))
    if not any(kind.machines > 0 for kind in problem.kinds):
        detail = "No machine is given. Name at least one kind, and how many there are of it."
        said.append(error("wrong-machines", "There are no machines", detail))
    for kind in problem.kinds:
        said.extend(_wrong_kind(kind))
    said.extend(_wrong_caps(problem))
    return tuple(said)


def _wrong_kind(kind: Kind) -> list[Diagnostic]:
    said = []
    if kind.machines < 0:
        detail = f'There cannot be {kind.machines} machines of "{kind.name}". Give 0 or more.'
        said.append(error("wrong-machines", "A count of machines is negative", detail))
    for holding in kind.holdings:
        numbers = (holding.tokens_per_s, holding.pass_s)
        if holding.layers < 1 or not all(math.isfinite(x) and x >= 0 for x in numbers):
            detail = (
                f'"{kind.name}" is said to carry {holding.tokens_per_s} tokens/s through {holding.layers} '
                f"layers in {holding.pass_s} s. Layers are 1 or more, rates and times 0 or more and finite."
            )
            said.append(error("wrong-rate", "A rate of a machine is wrong", detail))
    return said


def _wrong_caps(problem: LayerProblem) -> list[Diagnostic]:
    said = []
    cap, most = problem.latency_cap_s, problem.most_stages
    if cap is not None and not cap > 0:
        detail = f"The latency cap is {cap} s, and a token takes some time. Give a time above 0."
        said.append(error("wrong-cap", "The latency cap is not positive", detail))
    if most is not None and most < 1:
        detail = f"A pipeline has at least one stage, and at most {most} are allowed. Allow 1 or more."
        said.append(error("wrong-cap", "No stage is allowed", detail))
    return said


def impossible(problem: LayerProblem, *, certain: bool) -> tuple[Diagnostic, ...]:
    """Why there is no pipeline; ``problem`` has only what keeps the cap by itself."""
    most = {
        kind.name: max((h.layers for h in kind.holdings), default=0)
        for kind in problem.kinds
        if kind.machines
    }
    room = sum(kind.machines * most[kind.name] for kind in problem.kinds if kind.machines)
    capped = problem.latency_cap_s is not None or problem.most_stages is not None
    if room < problem.layers:
        each = [
            f"{plural(kind.machines, 'machine')} of {kind.name} at most {most[kind.name]} each"
            for kind in problem.kinds
            if most.get(kind.name)
        ]
        holds = f": {listed(each)}" if each else ""
        within = " within the caps" if capped else ""
        wider = ", or allow a larger cap" if capped else ""
        detail = (
            f"The model has {problem.layers} layers, and the machines hold {room} of them together{within}"
            f"{holds}. Add machines or ones with more memory, or keep the weights in fewer bits{wider}."
        )
        return (error("layers-do-not-fit", "The model does not fit on these machines", detail),)
    if not certain:
        detail = (
            "The solver reached its limit before it found a pipeline or knew that there is none. Allow it "
            "more time, or give it fewer working points."
        )
        return (error("pipeline-not-found", "No pipeline was found in time", detail),)
    caps = []
    if problem.latency_cap_s is not None:
        caps.append(f"{problem.latency_cap_s:g} s for a token")
    if problem.most_stages is not None:
        caps.append(plural(problem.most_stages, "stage"))
    kept = f" keeps to {listed(caps)}" if caps else " holds each layer once"
    detail = (
        f"The machines have room for all {problem.layers} layers, but no pipeline of stages{kept}. Allow "
        "more, or use faster machines."
    )
    return (error("cap-too-tight", "No pipeline keeps the caps", detail),)
