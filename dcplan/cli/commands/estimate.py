"""``dcplan estimate``: one layout of one model on one kind of hardware, part by part."""

from __future__ import annotations

from typing import Any

import click

from dcplan.cli.asking import serving_options, show_answer, training_options
from dcplan.cli.options import json_option

LAYOUT = click.option(
    "-layout",
    "--layout",
    required=True,
    metavar="LAYOUT",
    help="How the model is split: tp8-pp2-dp4, with ep, etp, cp, vp, mbs, zero, hsdp where wanted.",
)


@click.group()
def command() -> None:
    """Predict one layout of one model, part by part, whether a search would choose it or not."""


@command.command(short_help="One training step.")
@training_options
@LAYOUT
@json_option
def train(layout: str, *, as_json: bool, **asked: Any) -> None:
    """Predict one training step of MODEL in one layout, and its memory.

    MODEL is a name of the catalogue, or a config.json of Hugging Face.
    """
    from dcplan.cli.views import layouts as view  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.searching import Training, estimate_training  # noqa: PLC0415 - as above

    asking = Training(**asked)
    found = estimate_training(asking, layout)
    show_answer(found, lambda answer: view.one_training_text(answer, asking), as_json=as_json)


@command.command(short_help="One serving replica under load.")
@serving_options
@click.option("-format", "--format", "form", default="bf16", show_default=True, help="Number format.")
@click.option(
    "-concurrency",
    "--concurrency",
    default=1,
    show_default=True,
    type=click.IntRange(min=1),
    help="Requests that the replica answers at a time.",
)
@LAYOUT
@json_option
def serve(form: str, concurrency: int, layout: str, *, as_json: bool, **asked: Any) -> None:
    """Predict TTFT and TPOT of one replica of MODEL in one layout, and its memory.

    MODEL is a name of the catalogue, or a config.json of Hugging Face. The
    replica answers so many requests at a time, each of them followed by the next.
    """
    from dcplan.cli.views import layouts as view  # noqa: PLC0415 - as above
    from dcplan.workflow.searching import Serving, estimate_serving  # noqa: PLC0415 - as above

    asking = Serving(**asked, formats=(form,))
    found = estimate_serving(asking, layout, concurrency)
    show_answer(found, view.one_serving_text, as_json=as_json)
