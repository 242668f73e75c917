"""Rules between the keys that say how machines may be bought, and what must be survived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.config.document import Document, ServeWorkload, TrainWorkload
from dcplan.diag import ConfigPath, Diagnostic, error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.config.check import Names
    from dcplan.config.limits import Constraints


def spot_says_how_much(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """Who allows spot machines, or wants to survive their loss, says for how many replicas."""
    top = document.constraints
    for path, own in _everywhere(document):
        if own.spot_share if own.spot_share is not None else top.spot_share:
            continue
        if own is top and any(w.constraints.spot_share for w in document.workloads.values()):
            continue
        for key in ("purchase", "survive"):
            for i, word in enumerate(getattr(own, key) or ()):
                if word == "spot":
                    detail = (
                        f"{key} names spot machines, and without spot_share none are used. "
                        "Add spot_share, for example spot_share: 50%, or take spot out."
                    )
                    yield error(
                        "spot-without-share",
                        "Spot machines are named but not allowed",
                        detail,
                        path=(*path, key, i),
                    )


def only_jobs_queue(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """What answers requests cannot wait in a queue for its machines."""
    for name, workload in document.workloads.items():
        ways = workload.constraints.purchase or ()
        if isinstance(workload, ServeWorkload) and "queued" in ways:
            yield error(
                "queued-serving",
                "Serving cannot wait in a queue",
                f'"{name}" answers requests; queued machines come at an unknown time and go again. '
                "Only workloads of kind train may use them.",
                path=("workloads", name, "constraints", "purchase", ways.index("queued")),
            )


def only_serving_survives(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """A job is one gang: it starts again elsewhere, and does not run twice at once."""
    for name, workload in document.workloads.items():
        if isinstance(workload, TrainWorkload) and workload.constraints.survive:
            yield error(
                "job-survives",
                "A training job cannot survive a loss",
                f'"{name}" is one job, which starts again from its last checkpoint. '
                "Only workloads of kind serve take `survive`.",
                path=("workloads", name, "constraints", "survive"),
                on_key=True,
            )


def _everywhere(document: Document) -> Iterator[tuple[ConfigPath, Constraints]]:
    yield ("constraints",), document.constraints
    for name, workload in document.workloads.items():
        yield ("workloads", name, "constraints"), workload.constraints


PURCHASE_RULES = (spot_says_how_much, only_jobs_queue, only_serving_survives)
"""In the order in which they are told."""
