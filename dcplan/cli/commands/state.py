"""``dcplan state``: list, show, pull, resolve, force-unlock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dcplan.cli.exit_codes import ERROR
from dcplan.cli.options import echo_json, json_option, project_of, stop_with

if TYPE_CHECKING:
    from dcplan.state.types import State


@click.group(name="state")
def command() -> None:
    """Look into the state; answer what an apply could not find out; free a lock that hangs."""


def _read(*, as_json: bool) -> State:
    from dcplan.workflow.planning import read_state  # noqa: PLC0415 - --help stays light

    view = read_state(project_of((), (), ()))
    if view.value is None:
        stop_with(view.diagnostics, as_json=as_json)
    return view.value.state


@command.command(name="list", short_help="List the addresses of all resources.")
@click.argument("prefix", required=False, default="")
@json_option
def list_(prefix: str, *, as_json: bool) -> None:
    """List the addresses of all resources, or of those that begin with PREFIX."""
    addresses = [str(a) for a in sorted(_read(as_json=as_json).resources) if str(a).startswith(prefix)]
    if as_json:
        echo_json({"addresses": addresses})
    elif addresses:
        click.echo("\n".join(addresses))


@command.command(short_help="Show one resource.")
@click.argument("address")
@json_option
def show(address: str, *, as_json: bool) -> None:
    """Show one resource: what was asked for and what the provider answered."""
    from dcplan.diag import did_you_mean, error  # noqa: PLC0415 - as above
    from dcplan.state.rows import resource_content  # noqa: PLC0415 - as above

    resources = {str(a): r for a, r in _read(as_json=as_json).resources.items()}
    if address not in resources:
        hint = did_you_mean(address, resources) or "All addresses: dcplan state list"
        detail = f'The state holds nothing at "{address}". {hint}'
        stop_with((error("no-resource", "There is no such resource", detail),), as_json=as_json)
    data = resource_content(resources[address])
    if as_json:
        echo_json({"address": address, **data})
        return
    import json  # noqa: PLC0415 - as above

    click.echo(click.style(address, bold=True))
    for title, part in (("asked for", "attributes"), ("answered by the provider", "outputs")):
        click.echo(f"  {title}")
        column = max((len(name) for name in data[part]), default=0) + 2
        for name, value in sorted(data[part].items()):
            click.echo(f"    {name:<{column}}{value if isinstance(value, str) else json.dumps(value)}")
    if data["needs"]:
        click.echo("  needs")
        click.echo("\n".join(f"    {need}" for need in data["needs"]))


@command.command()
def pull() -> None:
    """Print the whole state as JSON, as a state file holds it."""
    from dcplan.diag import error  # noqa: PLC0415 - as above
    from dcplan.state.codec import to_json  # noqa: PLC0415 - as above

    state = _read(as_json=False)
    if not state.lineage:
        detail = "Nothing has been applied here yet, so there is no state. Next: dcplan plan"
        stop_with((error("no-state", "There is no state", detail),), as_json=False)
    click.echo(to_json(state, indent=2))


@command.command(short_help="Say what came of an interrupted operation.")
@click.argument("address")
@click.option("-object", "--object", "object_id", metavar="ID", help="The provider's id of what was made.")
@click.option("-nothing", "--nothing", is_flag=True, help="Nothing was made.")
@json_option
def resolve(address: str, object_id: str | None, *, nothing: bool, as_json: bool) -> None:
    """Say what came of an interrupted operation at ADDRESS, where apply could not find it out.

    Look in the provider's console first: what is said here is believed.
    """
    from dcplan.apply import ApplyOptions  # noqa: PLC0415 - as above
    from dcplan.cli.applying import run_recovery  # noqa: PLC0415 - as above
    from dcplan.cli.views.apply import Teller  # noqa: PLC0415 - as above
    from dcplan.resources import Address  # noqa: PLC0415 - as above

    if (object_id is None) != nothing:
        raise click.UsageError("Say either -object ID or -nothing.")
    try:
        choices = {Address.parse(address): object_id}
    except ValueError:
        raise click.BadParameter(
            f"{address!r} is no address, as local.machine.a-0 is", param_hint="ADDRESS"
        ) from None
    teller = Teller(as_json=as_json)
    teller.version()
    raise SystemExit(
        run_recovery(
            project_of((), (), ()),
            teller,
            ApplyOptions(),
            saying="Resolving interrupted operations.",
            choices=choices,
        )
    )


@command.command(name="force-unlock")
@click.option("-auto-approve", "--auto-approve", is_flag=True, help="Do not ask.")
def force_unlock(*, auto_approve: bool) -> None:
    """Take the lock from a dcplan that hangs.

    A lock goes by itself with the process that holds it, so this is needed
    only for one that lives and does nothing, or on another machine.  What it
    has under way, the next apply finds out.
    """
    from dcplan.cli.applying import agreed  # noqa: PLC0415 - as above
    from dcplan.workflow.applying import force_unlock as unlock  # noqa: PLC0415 - as above

    if not auto_approve and not agreed("Shall dcplan take the lock from whoever holds it?"):
        raise SystemExit(ERROR)
    freed = unlock(project_of((), (), ()))
    if freed.value is None:
        stop_with(freed.diagnostics, as_json=False)
    click.echo("The lock is free. Whoever held it can write no more. Next: dcplan plan")
