"""From settings to the local provider."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.config import load_typed, validate_settings
from dcplan.config.files import shown
from dcplan.config.reader import read_file
from dcplan.diag import ConfigPath, Diagnostics, Result, error
from dcplan.provider.local.datacenter import Behaviour, LocalProvider
from dcplan.provider.local.expand import Inventory, expand
from dcplan.provider.local.inventory import InventoryFile
from dcplan.provider.local.kinds import NAME
from dcplan.provider.local.settings import LocalSettings
from dcplan.provider.local.world import LocalWorld
from dcplan.provider.local.written import write_out
from dcplan.provider.quotas import quota_problems, quotas_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dcplan.provider.protocol import Provider

SETTINGS_PATH: ConfigPath = ("providers", NAME)
"""Where the settings stand in the document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFactory:
    """Makes local data centres."""

    work_folder: Path | None = None
    """Where a simulated data centre is kept whose settings do not say it; None: ``.dcplan`` of the root."""

    def in_work_folder(self, folder: Path) -> LocalFactory:
        """The same with another work folder: see ``KeepsFiles``."""
        return replace(self, work_folder=folder)

    def __call__(self, settings: Mapping[str, object], root: Path) -> Result[Provider]:
        """The local data centre of these settings; paths in them start from ``root``.

        Reads the inventory; makes and opens nothing.
        """
        return _made(settings, root, self.work_folder or root / ".dcplan")


provider = LocalFactory()
"""What the entry point names."""


def _made(settings: Mapping[str, object], root: Path, work_folder: Path) -> Result[Provider]:
    checked = validate_settings(settings, LocalSettings, SETTINGS_PATH)
    if checked.value is None or not checked.ok:
        return Result(None, checked.diagnostics)
    wanted = checked.value
    read = load_inventory(root / wanted.datacenter)
    diagnostics = (*checked.diagnostics, *read.diagnostics)
    if read.value is None or not read.ok:
        return Result(None, diagnostics)
    inventory = read.value
    usual = work_folder / "local" / f"{inventory.name}.sqlite"
    world = LocalWorld(usual if wanted.world is None else root / wanted.world)
    behaviour = Behaviour(
        latency_s=wanted.latency,
        ready_after_s=wanted.ready_after,
        orders=tuple(fault.fault_of_world() for fault in wanted.faults),
    )
    machines = {machine.name: machine for machine in inventory.machines}
    about = ({inventory.region}, machines, (*SETTINGS_PATH, "quotas"))
    wrong = tuple(quota_problems(wanted.quotas, *about))
    if wrong:
        return Result(None, (*diagnostics, *wrong))
    made = LocalProvider(inventory, world, behaviour, quotas_of(wanted.quotas, NAME, *about))
    return Result(made, diagnostics)


def load_inventory(path: Path) -> Result[Inventory]:
    """The data centre described in the file at ``path``."""
    if not path.is_file():
        detail = (
            f"There is no inventory file at {path}. The path under `datacenter` starts from the "
            "document's folder."
        )
        problem = error("no-inventory", "Inventory not found", detail, path=(*SETTINGS_PATH, "datacenter"))
        return Result(None, (problem,))
    read = load_typed(path, InventoryFile)
    if read.value is None or not read.ok:
        return Result(None, read.diagnostics)
    written = write_out(read.value, path.parent)
    said = (*read.diagnostics, *_placed(path, written.diagnostics))
    if written.value is None:
        return Result(None, said)
    expanded = expand(written.value, NAME)
    return Result(expanded.value, (*said, *_placed(path, expanded.diagnostics)))


def _placed(path: Path, problems: Diagnostics) -> Diagnostics:
    """Give problems their lines in the inventory.  The file is read again, but only to complain."""
    if not problems:
        return ()
    content = read_file(path, shown(path)).value
    return problems if content is None else content.source.place(problems)
