"""Limits and promises that stand in the document with nothing under them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.diag import ConfigPath, Diagnostic, error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.config.check import Names
    from dcplan.config.document import Document, ServeWorkload, Sla, TrainWorkload
    from dcplan.config.strict import Strict

_OF_WORKLOADS = frozenset({"quality", "deadline", "availability"})
"""Keys right under a workload that promise something."""
_BOUNDS = ("ttft", "tpot", "network")


def limits_are_not_empty(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """Who writes ``budget:`` expects a budget: left empty, by a template say, it would bound nothing."""
    yield from _empty_in(document.constraints, ("constraints",))
    yield from _empty_in(document.apply, ("apply",))
    yield from _empty_in(document.apply.timeouts, ("apply", "timeouts"))
    for name, workload in document.workloads.items():
        yield from _empty_under(workload, ("workloads", name))


def _empty_under(workload: ServeWorkload | TrainWorkload, path: ConfigPath) -> Iterator[Diagnostic]:
    yield from (d for d in _empty_in(workload, path) if d.path is not None and d.path[-1] in _OF_WORKLOADS)
    yield from _empty_in(workload.constraints, (*path, "constraints"))
    yield from _empty_in(workload.lifecycle, (*path, "lifecycle"))
    if workload.kind == "serve":
        yield from _empty_bounds(workload.sla, (*path, "sla"))


def _empty_bounds(sla: Sla, path: ConfigPath) -> Iterator[Diagnostic]:
    """As elsewhere; that there is no bound at all, another rule says."""
    quantiles = {name: getattr(sla, name) for name in _BOUNDS}
    bounded = any(
        quantiles[name] is not None and quantiles[name].model_fields_set for name in ("ttft", "tpot")
    )
    for problem in _empty_in(sla, path):
        if bounded or problem.path is None or problem.path[-1] not in {"ttft", "tpot"}:
            yield problem
    for name, one in quantiles.items():
        if one is None:
            continue
        yield from _empty_in(one, (*path, name))
        if not one.model_fields_set and (bounded or name == "network"):
            yield _empty((*path, name))


def _empty_in(section: Strict, path: ConfigPath) -> Iterator[Diagnostic]:
    """An error for each key that was written without a value."""
    for name in type(section).model_fields:
        if name in section.model_fields_set and getattr(section, name) is None:
            yield _empty((*path, name))


def _empty(path: ConfigPath) -> Diagnostic:
    detail = (
        f"{path[-1]} stands here with nothing under it, so it would bound nothing, as if it were not there. "
        "Write what it is to be, or leave the key out."
    )
    return error("empty-limit", "A limit is empty", detail, path=path, on_key=True)
