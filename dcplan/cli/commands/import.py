"""``dcplan import``."""
# ruff: noqa: N999 - a command's module is called as the command is, and nobody imports it by a statement

from __future__ import annotations

from pathlib import Path

import click

from dcplan.cli.options import (
    document_options,
    echo_json,
    json_option,
    project_of,
    show_diagnostics,
    stop_with,
)


@click.command(name="import")
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("-generate", "--generate", is_flag=True, help="Print the entries; changes nothing.")
@click.option(
    "-out", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Write them to a file that is new."
)
@document_options
@json_option
def command(  # noqa: PLR0913 - one parameter an option
    ids: tuple[str, ...],
    files: tuple[Path, ...],
    variables: tuple[str, ...],
    var_files: tuple[Path, ...],
    *,
    generate: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Write `import:` entries for what exists and the state does not hold.

    That is what carries this state's owner tag, and the objects with the given
    IDs, whoever's they are.  The entries go into the document; plan shows what
    comes of them, and apply takes the objects over.
    """
    from dcplan.workflow.importing import as_yaml, unmanaged  # noqa: PLC0415 - --help stays light

    if not generate:
        raise click.UsageError(
            "Objects are imported by the document, so that a plan can show it: write "
            f"import: [{_entry(ids)}] there. With -generate, this command writes the entries."
        )
    if out is not None and out.exists():
        raise click.BadParameter(f"{out} exists; name a file that does not.", param_hint="-out")
    found = unmanaged(project_of(files, variables, var_files), ids)
    if found.value is None:
        stop_with(found.diagnostics, as_json=as_json)
    text = as_yaml(found.value) if found.value else ""
    if out is not None and text:
        _write(out, text, as_json=as_json)
    if as_json:
        rows = [
            {"to": str(one.to), "id": one.id, "owner": one.owner, "ours": one.ours, "about": one.about}
            for one in found.value
        ]
        echo_json({"objects": rows, "yaml": text}, found.diagnostics)
        return
    show_diagnostics(found.diagnostics, as_json=False, more=True)
    if not text:
        click.echo("Everything that carries this state's owner tag is in the state: nothing to import.")
    elif out is None:
        click.echo(text, nl=False)
    else:
        click.echo(f"Written to {out}. Put what you want of it into the document, then: dcplan plan")


def _entry(words: tuple[str, ...]) -> str:
    """The entry for an address and an id, as other tools take them, or for what to write in their place."""
    address, object_id = words if len(words) == len(("ADDRESS", "ID")) else ("ADDRESS", "ID")
    return f"{{to: {address}, id: {object_id}}}"


def _write(out: Path, text: str, *, as_json: bool) -> None:
    """Write the entries, or say why that cannot be done."""
    from dcplan.diag import error  # noqa: PLC0415 - only for a file

    try:
        out.write_text(text, encoding="utf-8")
    except OSError as problem:
        detail = f"{out} cannot be written: {problem.strerror}. Name another file with -out."
        stop_with((error("import-not-written", "The entries could not be saved", detail),), as_json=as_json)
