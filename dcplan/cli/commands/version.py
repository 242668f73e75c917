"""``dcplan version``."""

from __future__ import annotations

import json
import platform

import click

from dcplan import __version__
from dcplan.cli.options import json_option


@click.command()
@json_option
def command(*, as_json: bool) -> None:
    """Print the versions of dcplan, Python and the solver."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - slow to import

    try:
        solver = version("ortools")
    except PackageNotFoundError:
        solver = "not installed"
    if as_json:
        data = {
            "format_version": "1.0",
            "dcplan": __version__,
            "python": platform.python_version(),
            "ortools": solver,
            "platform": platform.platform(),
        }
        click.echo(json.dumps(data, indent=2))
        return
    click.echo(f"dcplan {__version__}\npython {platform.python_version()}\nortools {solver}")
