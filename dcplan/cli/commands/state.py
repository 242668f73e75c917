"""``dcplan state``: list, show, pull, mv, rm, push, resolve, force-unlock."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import click

from dcplan.cli.exit_codes import ERROR
from dcplan.cli.options import echo_json, json_option, lock_option, project_of, show_diagnostics, stop_with

if TYPE_CHECKING:
    from typing import BinaryIO

    from dcplan.state.types import State
    from dcplan.workflow.surgery import Decide

approve_option = click.option("-auto-approve", "--auto-approve", is_flag=True, help="Do not ask.")


@click.group(name="state")
def command() -> None:
    """Look into the state; change it by hand; answer what an apply could not find out; free a lock."""


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
    from dcplan.cli.views.values import listing  # noqa: PLC0415 - as above

    click.echo(click.style(address, bold=True))
    for title, part in (("asked for", "attributes"), ("answered by the provider", "outputs")):
        click.echo(f"  {title}")
        for line in listing(data[part]):
            click.echo(f"    {line}")
    if data["needs"]:
        click.echo("  needs")
        click.echo("\n".join(f"    {need}" for need in data["needs"]))


@command.command(short_help="Print the whole state as JSON, as push takes it.")
@json_option
def pull(*, as_json: bool) -> None:
    """Print the whole state as JSON, as push takes it; with -json the problems, too."""
    from dcplan.workflow.surgery import pull as pulled  # noqa: PLC0415 - as above

    document = pulled(project_of((), (), ()))
    if document.value is None:
        stop_with(document.diagnostics, as_json=as_json)
    click.echo(document.value)


@command.command(short_help="Give a resource another address.")
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@approve_option
@lock_option
@json_option
def mv(source: str, target: str, *, auto_approve: bool, as_json: bool) -> None:
    """Give the resource at FROM the address TO; nothing is called, nothing made or deleted.

    What needs it needs TO from now on.  A backup of the state is written first.
    """
    from dcplan.workflow.surgery import move  # noqa: PLC0415 - as above

    _operate(move(source, target), "state mv", approved=auto_approve, as_json=as_json)


@command.command(short_help="Forget resources, and leave alone what they stand for.")
@click.argument("addresses", metavar="ADDRESS...", nargs=-1, required=True)
@approve_option
@lock_option
@json_option
def rm(addresses: tuple[str, ...], *, auto_approve: bool, as_json: bool) -> None:
    """Forget the resources at these addresses.  What they stand for is not deleted, and goes on costing.

    A backup of the state is written first.
    """
    from dcplan.workflow.surgery import remove  # noqa: PLC0415 - as above

    _operate(remove(addresses), "state rm", approved=auto_approve, as_json=as_json)


@command.command(short_help="Put a state that was pulled in place of this one.")
@click.argument("file", type=click.File("rb"))
@click.option(
    "-force", "--force", is_flag=True, help="Also one of another lineage, or older than what is there."
)
@approve_option
@lock_option
@json_option
def push(file: BinaryIO, *, force: bool, auto_approve: bool, as_json: bool) -> None:
    """Put the state of FILE (- is standard input), as pull printed it, in place of this one.

    Refused for the state of another project and for one that is older than
    what is there.  A backup of the state is written first.
    """
    from dcplan.workflow.surgery import push as pushed  # noqa: PLC0415 - as above
    from dcplan.workflow.surgery import unsealed  # noqa: PLC0415 - as above

    name = "standard input" if file.name == "<stdin>" else file.name
    content = unsealed(project_of((), (), ()), file.read(), name)
    if content.value is None:
        stop_with(content.diagnostics, as_json=as_json)
    decide = pushed(content.value, name, force=force)
    _operate(decide, "state push", approved=auto_approve, as_json=as_json)


def _operate(decide: Decide, name: str, *, approved: bool, as_json: bool) -> None:
    """Show what would be changed, ask, and change it."""
    from dcplan.cli.applying import agreed  # noqa: PLC0415 - as above
    from dcplan.workflow.surgery import operate, propose  # noqa: PLC0415 - as above

    if as_json and not approved:
        raise click.UsageError("-json cannot ask: add -auto-approve.")
    project = project_of((), (), ())
    seen = propose(project, decide)
    if seen.value is None:
        stop_with(seen.diagnostics, as_json=as_json)
    if not as_json:
        show_diagnostics(seen.diagnostics, as_json=False, more=True)
        click.echo("\n".join(f"  {line}" for line in seen.value.says))
    if not approved and not agreed("Shall dcplan change the state so?"):
        raise SystemExit(ERROR)
    done = operate(project, decide, seen.value, command=name)
    if done.value is None:
        stop_with(done.diagnostics, as_json=as_json)
    backup = None if done.value.backup is None else os.path.relpath(done.value.backup, project.folder)
    if as_json:
        data = {"changes": list(seen.value.says), "serial": done.value.serial, "backup": backup}
        echo_json(data, seen.diagnostics)
        return
    kept = "" if backup is None else f" The state as it was: {backup}"
    click.echo(f"Done.{kept}\nNext: dcplan plan")


@command.command(short_help="Say what came of an interrupted operation.")
@click.argument("address")
@click.option("-object", "--object", "object_id", metavar="ID", help="The provider's id of what was made.")
@click.option("-nothing", "--nothing", is_flag=True, help="Nothing was made.")
@lock_option
@json_option
def resolve(address: str, object_id: str | None, *, nothing: bool, as_json: bool) -> None:
    """Say what came of an interrupted operation at ADDRESS, where apply could not find it out.

    Look in the provider's console first: what is said here is believed.  The
    same as: dcplan recover -auto-approve -choose ADDRESS=ID (or =none).
    """
    from dcplan.cli.recovering import Wanted, run_recover  # noqa: PLC0415 - as above
    from dcplan.resources import Address  # noqa: PLC0415 - as above
    from dcplan.workflow.settings import NO_FLAGS  # noqa: PLC0415 - as above

    if (object_id is None) != nothing:
        raise click.UsageError("Say either -object ID or -nothing.")
    try:
        choices = {Address.parse(address): object_id}
    except ValueError:
        raise click.BadParameter(
            f"{address!r} is no address, as local.machine.a-0 is", param_hint="ADDRESS"
        ) from None
    wanted = Wanted(choices=choices, flags=NO_FLAGS, approved=True, as_json=as_json)
    raise SystemExit(run_recover(project_of((), (), ()), wanted))


@command.command(name="force-unlock")
@approve_option
@json_option
def force_unlock(*, auto_approve: bool, as_json: bool) -> None:
    """Take the lock from a dcplan that hangs.

    A lock goes by itself with the process that holds it, so this is needed
    only for one that lives and does nothing, or on another machine.  What it
    has under way, the next apply finds out.
    """
    from dcplan.cli.applying import agreed  # noqa: PLC0415 - as above
    from dcplan.cli.views.unlock import holder_text, unlocked_data, unlocked_text  # noqa: PLC0415 - as above
    from dcplan.workflow.unlocking import force_unlock as unlock  # noqa: PLC0415 - as above
    from dcplan.workflow.unlocking import holder_of  # noqa: PLC0415 - as above

    if as_json and not auto_approve:
        raise click.UsageError("-json cannot ask: add -auto-approve.")
    if not auto_approve:
        seen = holder_of(project_of((), (), ()))
        if seen.diagnostics:
            stop_with(seen.diagnostics, as_json=as_json)
        click.echo(holder_text(seen.value))
        if not agreed("Shall dcplan take the lock from whoever holds it?"):
            raise SystemExit(ERROR)
    freed = unlock(project_of((), (), ()))
    if freed.value is None:
        stop_with(freed.diagnostics, as_json=as_json)
    if as_json:
        echo_json(unlocked_data(freed.value))
    else:
        click.echo(unlocked_text(freed.value, told=not auto_approve))
