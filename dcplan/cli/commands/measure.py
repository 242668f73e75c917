"""``dcplan measure``."""

from __future__ import annotations

from pathlib import Path

import click

from dcplan.cli.options import echo_json, json_option, show_diagnostics, stop_with


@click.command()
@click.option(
    "-o",
    "-out",
    "--out",
    type=click.Path(path_type=Path),
    default="measured.csv",
    show_default=True,
    help="Where the rows go; dcplan calibrate reads them.",
)
@click.option(
    "-backend",
    "--backend",
    type=click.Choice(("auto", "torch", "numpy")),
    default="auto",
    show_default=True,
    help="What calculates; auto takes PyTorch where it is installed.",
)
@click.option(
    "-device",
    "--device",
    type=click.Choice(("auto", "cpu", "cuda")),
    default="auto",
    show_default=True,
    help="What is measured; cuda is the first GPU, NVIDIA's or AMD's.",
)
@click.option("-quick", "--quick", is_flag=True, help="Fewer sizes: a few seconds in place of half a minute.")
@click.option("-seconds", "--seconds", type=click.FloatRange(1, 3600), help="Measure about so long.")
@click.option(
    "-ranks",
    "--ranks",
    type=click.IntRange(1, 1024),
    help="Processes of collectives; default one for each GPU.",
)
@click.option("-force", "--force", is_flag=True, help="Write over a file that is there.")
@json_option
def command(  # noqa: PLR0913 - one parameter an option
    out: Path,
    backend: str,
    device: str,
    *,
    quick: bool,
    seconds: float | None,
    ranks: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Time this machine: products, memory, attention, and collectives where there are several GPUs.

    Writes rows that dcplan calibrate takes.  Needs the extra "measure" for
    PyTorch; without it, the processor is measured with numpy.
    """
    from dataclasses import replace  # noqa: PLC0415 - --help stays light

    from dcplan.cli.progress import progress_line  # noqa: PLC0415 - as above
    from dcplan.diag import plural  # noqa: PLC0415 - as above
    from dcplan.measure import QUICK, Settings, summary  # noqa: PLC0415 - as above
    from dcplan.measure.names import datasheet  # noqa: PLC0415 - as above
    from dcplan.measure.rows import to_data  # noqa: PLC0415 - as above
    from dcplan.workflow.measuring import measure  # noqa: PLC0415 - as above

    usual = QUICK if quick else Settings()
    settings = replace(usual, total_s=seconds or usual.total_s, ranks=ranks)
    with progress_line(quiet=as_json) as progress:
        made = measure(out, backend=backend, device=device, settings=settings, force=force, progress=progress)
    if made.value is None:
        stop_with(made.diagnostics, as_json=as_json)
    if as_json:
        data = {**summary.to_data(made.value), "out": str(out), "rows": to_data(made.value)}
        echo_json(data, made.diagnostics)
        return
    show_diagnostics(made.diagnostics, as_json=False, more=True)
    click.echo(summary.to_text(made.value))
    count = plural(summary.kept(made.value), "row")
    following = (
        f"Next: dcplan calibrate {out}"
        if datasheet(made.value.accelerator)
        else f"dcplan calibrate takes accelerators of the catalogue, which {made.value.accelerator} is not."
    )
    click.echo(f"\nWrote {count} to {out}. {following}")
