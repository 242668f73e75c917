"""``dcplan schema``."""

from __future__ import annotations

import click

from dcplan.cli.options import echo_json, json_option


@click.command()
@click.argument("name", required=False)
@json_option
def command(name: str | None, *, as_json: bool) -> None:
    """Print the JSON Schema NAME (document.v1, plan.v1, ...); without a name, list them."""
    from dcplan.diag import did_you_mean  # noqa: PLC0415 - --help stays light
    from dcplan.schema import FORMATS, text  # noqa: PLC0415 - as above

    if name is None:
        if as_json:
            echo_json({"schemas": list(FORMATS)})
        else:
            click.echo("\n".join(FORMATS))
        return
    full = name if name in FORMATS else f"{name}.v1"
    if full not in FORMATS:
        hint = did_you_mean(full, FORMATS) or f"There are: {', '.join(FORMATS)}."
        raise click.BadParameter(f"there is no schema {name!r}. {hint}", param_hint="NAME")
    click.echo(text(full), nl=False)
