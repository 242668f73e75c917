"""``dcplan estimate``: one layout of one model on one kind of hardware, part by part."""

from __future__ import annotations

from pathlib import Path

import click

from dcplan.cli.asking import training_options
from dcplan.cli.options import echo_json, json_option, show_diagnostics, stop_with

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
def train(  # noqa: PLR0913, PLR0917 - what the command was asked
    model: str,
    hardware: str,
    sequence_tokens: int,
    global_batch_sequences: int,
    precision: str,
    framework: str,
    profiles: tuple[Path, ...],
    layout: str,
    *,
    as_json: bool,
) -> None:
    """Predict one training step of MODEL in one layout, and its memory.

    MODEL is a name of the catalogue, or a config.json of Hugging Face.
    """
    from dcplan.cli.views import layouts as view  # noqa: PLC0415 - --help stays light
    from dcplan.workflow.searching import Training, estimate_training  # noqa: PLC0415 - as above

    asking = Training(
        model=model,
        hardware=hardware,
        sequence_tokens=sequence_tokens,
        global_batch_sequences=global_batch_sequences,
        precision=precision,
        framework=framework,
        profiles=profiles,
    )
    found = estimate_training(asking, layout)
    if found.value is None:
        stop_with(found.diagnostics, as_json=as_json)
    if as_json:
        echo_json(view.as_data(found.value), found.diagnostics)
        return
    show_diagnostics(found.diagnostics, as_json=False, more=True)
    click.echo(view.one_training_text(found.value, asking))
