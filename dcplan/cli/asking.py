"""Options of questions without a document: a model, hardware, and what is wanted of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from dcplan.cli.options import echo_json, show_diagnostics, stop_with
from dcplan.units import UnitError, parse_duration_s

if TYPE_CHECKING:
    from dcplan.diag import Result
    from dcplan.workflow.searching import Answer

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class Duration(click.ParamType[float]):
    """A time with its unit, such as 200ms."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        try:
            return value if isinstance(value, float) else parse_duration_s(str(value))
        except UnitError as problem:
            self.fail(str(problem), param, ctx)


def _all(function: F, *options: Callable[[F], F]) -> F:
    """``function`` with these options, told in this order."""
    for option in reversed(options):
        function = option(function)
    return function


def asking_options(function: F) -> F:
    """MODEL, ``-on`` and ``-profile``."""
    return _all(
        function,
        click.argument("model"),
        click.option(
            "-on",
            "--on",
            "hardware",
            required=True,
            metavar="NAME",
            help="Accelerator (H100, TPU-v5p) or machine type (p5.48xlarge).",
        ),
        click.option(
            "-profile",
            "--profile",
            "profiles",
            multiple=True,
            type=click.Path(exists=True, dir_okay=False, path_type=Path),
            help="Your own figures, written by dcplan calibrate.",
        ),
    )


def training_options(function: F) -> F:
    """What a question about training says beside the layout: the fields of ``Training``."""
    options = (
        click.option(
            "-sequence",
            "--sequence",
            "sequence_tokens",
            required=True,
            type=click.IntRange(min=1),
            metavar="TOKENS",
            help="Tokens of a sequence.",
        ),
        click.option(
            "-batch",
            "--batch",
            "global_batch_sequences",
            required=True,
            type=click.IntRange(min=1),
            metavar="SEQUENCES",
            help="Sequences of a step, all devices together.",
        ),
        click.option(
            "-format", "--format", "precision", default="bf16", show_default=True, help="Number format."
        ),
        click.option(
            "-framework",
            "--framework",
            default="",
            help="Training framework: megatron (also without any), fsdp, maxtext (also without any on TPUs), "
            "deepspeed.",
        ),
    )
    return asking_options(_all(function, *options))


def serving_options(function: F) -> F:
    """What a question about serving says beside the layout: fields of ``Serving``."""
    options = (
        click.option(
            "-prompt",
            "--prompt",
            "prompt_tokens",
            required=True,
            type=click.IntRange(min=1),
            metavar="TOKENS",
            help="Tokens of a prompt.",
        ),
        click.option(
            "-output",
            "--output",
            "output_tokens",
            required=True,
            type=click.IntRange(min=1),
            metavar="TOKENS",
            help="Tokens of an answer, two or more: the first is the TTFT's; 1 for an encoder's.",
        ),
        click.option(
            "-ttft", "--ttft", "ttft_s", type=Duration(), metavar="TIME", help="Longest TTFT, such as 500ms."
        ),
        click.option(
            "-tpot", "--tpot", "tpot_s", type=Duration(), metavar="TIME", help="Longest TPOT, such as 50ms."
        ),
        click.option(
            "-engine",
            "--engine",
            default="vllm",
            show_default=True,
            help="Serving engine: vllm, sglang, trtllm.",
        ),
    )
    return asking_options(_all(function, *options))


def show_answer(found: Result[Answer[T]], text: Callable[[Answer[T]], str], *, as_json: bool) -> None:
    """Print the answer, as JSON or as ``text`` has it; without one, say why and end the command."""
    from dcplan.cli.views.layouts import as_data  # noqa: PLC0415 - --help stays light

    if found.value is None:
        stop_with(found.diagnostics, as_json=as_json)
    if as_json:
        echo_json(as_data(found.value), found.diagnostics)
        return
    show_diagnostics(found.diagnostics, as_json=False, more=True)
    click.echo(text(found.value))
