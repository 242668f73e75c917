"""``dcplan search``: the best layouts of one model on so many accelerators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from dcplan.cli.asking import Duration, serving_options, show_answer, training_options
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
def train(devices: int, top: int, *, as_json: bool, **asked: Any) -> None:
    """Find the layouts in which MODEL trains fastest.

    MODEL is a name of the catalogue, or a config.json of Hugging Face.
    """
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.cli.views import layouts as view  # noqa: PLC0415 - as above
    from dcplan.workflow.searching import Training, search_training  # noqa: PLC0415 - as above

    asking = Training(**asked)
    with progress_line(quiet=as_json) as progress:
        progress("searching")
        found = search_training(asking, devices, top)
    show_answer(found, lambda answer: view.training_text(answer, asking), as_json=as_json)


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
def serve(disaggregated: str, devices: int, top: int, *, as_json: bool, **asked: Any) -> None:
    """Find the layouts in which MODEL serves most tokens an accelerator within the SLA.

    MODEL is a name of the catalogue, or a config.json of Hugging Face.
    """
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.cli.views import layouts as view  # noqa: PLC0415 - as above
    from dcplan.demand.types import Disaggregated  # noqa: PLC0415 - as above
    from dcplan.workflow.searching import Serving, search_serving  # noqa: PLC0415 - as above

    asking = Serving(**asked, disaggregated=Disaggregated(disaggregated))
    with progress_line(quiet=as_json) as progress:
        progress("searching")
        found = search_serving(asking, devices, top)
    show_answer(found, lambda answer: view.serving_text(answer, asking, devices), as_json=as_json)


@command.command(short_help="Layers over unlike machines.")
@click.argument("model")
@click.option(
    "-on",
    "--on",
    "hardware",
    required=True,
    metavar="LIST",
    help="Machines: accelerator x devices of one : how many, such as H100x8:2,L40Sx8:4.",
)
@click.option(
    "-prompt",
    "--prompt",
    "prompt_tokens",
    default=1000,
    show_default=True,
    type=click.IntRange(min=1),
    help="Tokens of a prompt.",
)
@click.option(
    "-output",
    "--output",
    "output_tokens",
    default=300,
    show_default=True,
    type=click.IntRange(min=2),
    help="Tokens of an answer.",
)
@click.option(
    "-latency-cap",
    "--latency-cap",
    "-tpot",
    "--tpot",
    "latency_cap_s",
    type=Duration(),
    metavar="TIME",
    help="Longest time of one token through all stages (its TPOT), such as 200ms.",
)
@click.option(
    "-stages", "--stages", "most_stages", type=click.IntRange(min=1), metavar="N", help="Stages at the most."
)
@click.option("-format", "--format", "precision", default="bf16", show_default=True, help="Number format.")
@click.option("-engine", "--engine", default="vllm", show_default=True, help="vllm, sglang or trtllm.")
@click.option(
    "-profile",
    "--profile",
    "profiles",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Your own figures, written by dcplan calibrate.",
)
@json_option
def pipeline(*, as_json: bool, **asked: Any) -> None:
    """Find which layers of MODEL each of several unlike machines should hold, so that most tokens pass.

    MODEL is a name of the catalogue, or a config.json of Hugging Face.
    """
    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - --help stays light
    from dcplan.cli.views import pipelines as view  # noqa: PLC0415 - as above
    from dcplan.workflow.pipelines import Asking, search_pipeline  # noqa: PLC0415 - as above

    asking = Asking(**asked)
    with progress_line(quiet=as_json) as progress:
        progress("searching")
        found = search_pipeline(asking)
    if found.value is None:
        stop_with(found.diagnostics, as_json=as_json)
    if as_json:
        echo_json(view.as_data(found.value), found.diagnostics)
        return
    show_diagnostics(found.diagnostics, as_json=False, more=True)
    click.echo(view.pipeline_text(found.value, asking))
