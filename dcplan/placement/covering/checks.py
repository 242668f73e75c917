"""What keeps a covering problem from being answered, in words for who asked."""

from __future__ import annotations

import math

from dcplan.diag import Diagnostic, error, listed
from dcplan.placement.covering.types import CoverProblem


def unanswerable(problem: CoverProblem) -> tuple[Diagnostic, ...]:
    """Everything that makes no sense or cannot be carried by anything, all at once."""
    said = [*_wrong_names(problem), *_wrong_numbers(problem)]
    if said:
        return tuple(said)
    for which, one in enumerate(problem.classes):
        runs = [
            machine.name
            for at, machine in enumerate(problem.machines)
            if problem.rates[which][at] is not None and machine.most != 0
        ]
        if not runs:
            names = listed([machine.name for machine in problem.machines])
            detail = (
                f'No machine carries "{one.name}": {names} have no rate for it, or none can be had. Add a '
                "machine type that keeps its SLA."
            )
            said.append(error("no-machine", "Nothing carries a part of the load", detail))
    return tuple(said)


def _wrong_names(problem: CoverProblem) -> list[Diagnostic]:
    said = []
    for what, names in (
        ("class of load", [one.name for one in problem.classes]),
        ("machine type", [one.name for one in problem.machines]),
    ):
        if not names:
            detail = f"There is no {what}. Give one at least."
            said.append(error("wrong-cover", "Nothing to cover or to cover with", detail))
        for name in sorted({name for name in names if names.count(name) > 1}):
            detail = f'The {what} "{name}" is given more than once. Give each of them once.'
            said.append(error("wrong-cover", "A name is given twice", detail))
    shape = {len(row) for row in problem.rates}
    if len(problem.rates) != len(problem.classes) or shape - {len(problem.machines)}:
        detail = (
            f"There are {len(problem.classes)} classes and {len(problem.machines)} machine types, and the "
            "rates are not one for each of both. Give a row for each class, and in it a rate or None for "
            "each machine type."
        )
        said.append(error("wrong-cover", "The table of rates has another shape", detail))
    return said


def _wrong_numbers(problem: CoverProblem) -> list[Diagnostic]:
    wrong = [
        f'"{one.name}" has {one.requests_per_s} requests/s in {one.slices} slices'
        for one in problem.classes
        if one.slices < 1 or not _plain(one.requests_per_s)
    ]
    wrong += [
        f'"{one.name}" costs {one.usd_per_h} USD/h and at most {one.most} can be had'
        for one in problem.machines
        if not _plain(one.usd_per_h) or (one.most is not None and one.most < 0)
    ]
    wrong += [
        f"a rate of {rate} requests/s"
        for row in problem.rates
        for rate in row
        if rate is not None and not (math.isfinite(rate) and rate > 0)
    ]
    if not wrong:
        return []
    detail = (
        f"Found: {listed(wrong[:8])}. Slices are 1 or more, prices, loads and counts 0 or more, rates above "
        "0, and all finite; None says that something cannot run."
    )
    return [error("wrong-cover", "A number of the cover is wrong", detail)]


def _plain(number: float) -> bool:
    return math.isfinite(number) and number >= 0


def too_few(problem: CoverProblem, *, certain: bool) -> Diagnostic:
    """All machines that can be had carry too little, or none that do were found in time."""
    limits = [f"{one.most} of {one.name}" for one in problem.machines if one.most is not None]
    if not certain:
        detail = (
            f"No set of machines that carries the whole load was found in {problem.tries} tries; there may "
            "be one. Allow more tries or more time, raise a limit, or cut the load into more slices."
        )
        return error("cover-not-found", "No set of machines was found in time", detail)
    detail = (
        f"With at most {listed(limits)} no set of machines carries the whole load. Raise a limit, lower the "
        "load, or cut it into more slices."
    )
    return error("cover-too-small", "The machines do not carry the load", detail)
