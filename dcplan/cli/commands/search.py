"""``dcplan search``: the best layouts of one model on so many accelerators."""

from __future__ import annotations

from pathlib import Path

import click

from dcplan.cli.asking import serving_options, training_options
from dcplan.cli.options import echo_json, json_option, show_diagnostics, stop_with

DEVICES = click.option(
    "-devices",
    "--devices",
    required=True,
    type=click.IntRange(min=1),
    metavar="N",
    help="Accelerators, all together.",
)
TOP = click.option(
    "-top",
    "--top",
    default=10,
    show_default=True,
    type=click.IntRange(min=1),
    help="Layouts to show.",
)


@click.group()
def command() -> None:
    """Find the best layouts of one model on so many accelerators; no document is needed."""


@command.command(short_help="Layouts that train fastest.")
@training_options
@DEVICES
@TOP
@json_option
def train(  # noqa: PLR0913, PLR0917 - what the command was asked
    model: str,
    hardware: str,
    sequence_tokens: int,
    global_batch_sequences: int,
    precision: str,
    framework: str,
    profiles: tuple[Path, ...],
    devices: int,
    top: int,
    *,
    as_json: bool,
) -> None:
    """Find the layouts in which MODEL trains fastest.

    MODEL is a name of the catalogue, or a config.json of Hugging Face.
    """
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.cli.views import layouts as view  # noqa: PLC0415 - as above
    from dcplan.workflow.searching import Training, search_training  # noqa: PLC0415 - as above

    asking = Training(
        model=model,
        hardware=hardware,
        sequence_tokens=sequence_tokens,
        global_batch_sequences=global_batch_sequences,
        precision=precision,
        framework=framework,
        profiles=profiles,
    )
    with progress_line(quiet=as_json) as progress:
        progress("searching")
        found = search_training(asking, devices, top)
    if found.value is None:
        stop_with(found.diagnostics, as_json=as_json)
    if as_json:
        echo_json(view.as_data(found.value), found.diagnostics)
        return
    show_diagnostics(found.diagnostics, as_json=False, more=True)
    click.echo(view.training_text(found.value, asking))


@command.command(short_help="Layouts that serve most within the SLA.")
@serving_options
@click.option(
    "-format",
    "--format",
    "formats",
    multiple=True,
    metavar="NAME",
    help="Number format to look at, several times if need be; bf16 without any.",
)
@click.option(
    "-floor",
    "--floor",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="SHARE",
    help="Look at every format that is known to keep this share of the model's quality, such as 0.99.",
)
@click.option(
    "-disaggregated",
    "--disaggregated",
    type=click.Choice(["auto", "never", "always"]),
    default="auto",
    show_default=True,
    help="Whether prompts may be computed by workers of their own; auto looks at both.",
)
@click.option(
    "-prefill-on",
    "--prefill-on",
    "prefill_hardware",
    metavar="NAME",
    help="Accelerator or machine type of these workers, if it is another one; -devices counts both.",
)
@DEVICES
@TOP
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
    formats: tuple[str, ...],
    floor: float | None,
    disaggregated: str,
    prefill_hardware: str | None,
    devices: int,
    top: int,
    *,
    as_json: bool,
) -> None:
    """Find the layouts in which MODEL serves most tokens an accelerator within the SLA.

    MODEL is a name of the catalogue, or a config.json of Hugging Face.
    """
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.cli.views import layouts as view  # noqa: PLC0415 - as above
    from dcplan.demand.types import Disaggregated  # noqa: PLC0415 - as above
    from dcplan.workflow.searching import Serving, search_serving  # noqa: PLC0415 - as above

    asking = Serving(
        model=model,
        hardware=hardware,
        prompt_tokens=prompt_tokens,
        output_tokens=output_tokens,
        ttft_s=ttft_s,
        tpot_s=tpot_s,
        formats=formats,
        floor=floor,
        engine=engine,
        profiles=profiles,
        disaggregated=Disaggregated(disaggregated),
        prefill_hardware=prefill_hardware,
    )
    with progress_line(quiet=as_json) as progress:
        progress("searching")
        found = search_serving(asking, devices, top)
    if found.value is None:
        stop_with(found.diagnostics, as_json=as_json)
    if as_json:
        echo_json(view.as_data(found.value), found.diagnostics)
        return
    show_diagnostics(found.diagnostics, as_json=False, more=True)
    click.echo(view.serving_text(found.value, asking, devices))
