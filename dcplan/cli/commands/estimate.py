"""``dcplan estimate``: one layout of one model on one kind of hardware, part by part."""

from __future__ import annotations

from pathlib import Path

import click

from dcplan.cli.asking import serving_options, training_options
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
def serve(  # noqa: PLR0913, PLR0917 - what the command was asked
    model: str,
    hardware: str,
    prompt_tokens: int,
    output_tokens: int,
    ttft_s: float | None,
    tpot_s: float | None,
    engine: str,
    profiles: tuple[Path, ...],
    form: str,
    concurrency: int,
    layout: str,
    *,
    as_json: bool,
) -> None:
    """Predict TTFT and TPOT of one replica of MODEL in one layout, and its memory.

    MODEL is a name of the catalogue, or a config.json of Hugging Face. The
    replica answers so many requests at a time, each of them followed by the next.
    """
    from dcplan.cli.views import layouts as view  # noqa: PLC0415 - as above
    from dcplan.workflow.searching import Serving, estimate_serving  # noqa: PLC0415 - as above

    asking = Serving(
        model=model,
        hardware=hardware,
        prompt_tokens=prompt_tokens,
        output_tokens=output_tokens,
        ttft_s=ttft_s,
        tpot_s=tpot_s,
        formats=(form,),
        engine=engine,
        profiles=profiles,
    )
    found = estimate_serving(asking, layout, concurrency)
    if found.value is None:
        stop_with(found.diagnostics, as_json=as_json)
    if as_json:
        echo_json(view.as_data(found.value), found.diagnostics)
        return
    show_diagnostics(found.diagnostics, as_json=False, more=True)
    click.echo(view.one_serving_text(found.value))
