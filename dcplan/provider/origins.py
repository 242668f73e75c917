"""Which installed package each provider comes from, and whether it is the one that is expected."""

from __future__ import annotations

import base64
import csv
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dcplan import __version__
from dcplan.provider.discover import Installed, installed

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_SHIPPED = ("METADATA", "entry_points.txt")
"""Of a wheel's own folder, what is the same wherever it is installed; installers write the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderOrigin:
    """The installed package that a provider comes from."""

    name: str
    """Of the provider, as the document names it."""
    package: str
    version: str
    digest: str | None
    """sha256 (hex) of what the package's RECORD says of its files; None for a checkout, which has none."""


def origins(names: Iterable[str], *, available: Installed = installed) -> tuple[ProviderOrigin, ...]:
    """Where the named providers come from, in order of name; those that are not installed are left out.

    Reads metadata only and imports no provider.
    """
    wanted = set(names)
    points = {point.name: point for point in available() if point.name in wanted}
    found = []
    for name, point in sorted(points.items()):
        package = point.dist
        found.append(
            ProviderOrigin(name=name, package="dcplan", version=__version__, digest=None)
            if package is None
            else ProviderOrigin(
                name=name, package=package.name, version=package.version, digest=_digest(package)
            )
        )
    return tuple(found)


def difference(expected: ProviderOrigin, found: ProviderOrigin) -> str | None:
    """How ``found`` differs from what was expected, in words that follow a name; None when it does not.

    A digest that is not known on one side says nothing.
    """
    if (expected.package, expected.version) != (found.package, found.version):
        return f"was {expected.package} {expected.version} and is {found.package} {found.version}"
    if expected.digest and found.digest and expected.digest != found.digest:
        return (
            f"was another build of {expected.package} {expected.version} "
            f"(sha256 {expected.digest[:12]}..., here {found.digest[:12]}...)"
        )
    return None


def altered_files(name: str, *, available: Installed = installed) -> tuple[str, ...]:
    """Files of a provider's package that are not as its RECORD says: changed after they were installed.

    Reads every file of the package.  Empty where there is no RECORD to compare with.
    """
    package = next((p.dist for p in available() if p.name == name and p.dist is not None), None)
    if package is None:
        return ()
    altered = []
    for path, told in _recorded(package):
        algorithm, _, expected = told.partition("=")
        try:
            found = hashlib.new(algorithm, Path(str(package.locate_file(path))).read_bytes()).digest()
        except OSError:
            altered.append(path)
            continue
        if base64.urlsafe_b64encode(found).rstrip(b"=").decode() != expected:
            altered.append(path)
    return tuple(altered)


def _digest(package: Distribution) -> str | None:
    lines = [f"{path} {told}" for path, told in _recorded(package)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest() if lines else None


def _recorded(package: Distribution) -> list[tuple[str, str]]:
    """Path and digest of each file that the wheel brought, in order.

    Left out is what installers write themselves and what differs from machine to machine: scripts
    (their first line names a Python), compiled files, notes on the installation.  A package that is
    installed for editing has none.
    """
    text = package.read_text("RECORD")
    if not text or _editable(package):
        return []
    rows = [(row[0], row[1]) for row in csv.reader(text.splitlines()) if len(row) > 1 and row[1]]
    return sorted((path, told) for path, told in rows if _is_shipped(path))


def _is_shipped(path: str) -> bool:
    if path.startswith(("../", "/")) or path.endswith(".pyc"):
        return False
    folder, _, name = path.partition("/")
    return not folder.endswith(".dist-info") or name in _SHIPPED


def _editable(package: Distribution) -> bool:
    import json  # noqa: PLC0415 - only for packages with a RECORD

    text = package.read_text("direct_url.json")
    if not text:
        return False
    told = json.loads(text)
    return bool(told.get("dir_info", {}).get("editable"))
