"""Which package a provider comes from, and whether it is as it was installed."""

from __future__ import annotations

import base64
import hashlib
import json
from importlib.metadata import EntryPoint, PathDistribution
from typing import TYPE_CHECKING

from dcplan.provider.origins import ProviderOrigin, altered_files, difference, origins

if TYPE_CHECKING:
    from pathlib import Path


def a_wheel(site: Path, version: str = "1.0", *, code: str = "x = 1\n", prefix: str = "/a") -> EntryPoint:
    """An installed package with the provider ``cloud``; ``prefix`` is where its scripts' Python is."""
    info = site / f"cloud-{version}.dist-info"
    info.mkdir(parents=True)
    files = {
        "cloud/__init__.py": code,
        f"{info.name}/METADATA": f"Metadata-Version: 2.1\nName: cloud\nVersion: {version}\n",
        f"{info.name}/INSTALLER": prefix,
    }
    rows = []
    for path, text in files.items():
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text(text)
        rows.append(f"{path},sha256={_told(text)},{len(text)}")
    rows += [
        f"../../bin/cloud,sha256={_told(prefix)},1",
        "cloud/__pycache__/x.pyc,,",
        f"{info.name}/RECORD,,",
    ]
    (info / "RECORD").write_text("\n".join(rows))
    return EntryPoint("cloud", "cloud:provider", "dcplan.providers")._for(PathDistribution(info))  # type: ignore[attr-defined,no-any-return]


def _told(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def origin_of(point: EntryPoint) -> ProviderOrigin:
    """Where the one provider comes from."""
    (found,) = origins(["cloud", "absent"], available=lambda: (point,))
    return found


def test_the_same_wheel_has_the_same_digest_wherever_it_is_installed(tmp_path: Path) -> None:
    """Scripts and installers' notes, which differ from machine to machine, do not count."""
    one = origin_of(a_wheel(tmp_path / "one", prefix="/a"))
    other = origin_of(a_wheel(tmp_path / "other", prefix="/b"))

    assert one == other
    assert one.digest is not None
    assert (one.package, one.version) == ("cloud", "1.0")


def test_other_code_has_another_digest_and_is_told(tmp_path: Path) -> None:
    """A wheel of the same version with other code is another build; another version is named."""
    one = origin_of(a_wheel(tmp_path / "one"))
    rebuilt = origin_of(a_wheel(tmp_path / "rebuilt", code="x = 2\n"))
    newer = origin_of(a_wheel(tmp_path / "newer", "2.0"))

    assert "another build of cloud 1.0" in str(difference(one, rebuilt))
    assert difference(one, newer) == "was cloud 1.0 and is cloud 2.0"
    assert difference(one, one) is None


def test_what_is_installed_for_editing_has_no_digest(tmp_path: Path) -> None:
    """Its code can change without a trace, so its digest is unknown, which is no difference."""
    wheel = origin_of(a_wheel(tmp_path / "wheel"))
    point = a_wheel(tmp_path / "checkout")
    told = {"url": "file:///x", "dir_info": {"editable": True}}
    (tmp_path / "checkout" / "cloud-1.0.dist-info" / "direct_url.json").write_text(json.dumps(told))
    checkout = origin_of(point)

    assert checkout.digest is None
    assert difference(wheel, checkout) is None


def test_a_file_that_was_changed_after_installing_is_found(tmp_path: Path) -> None:
    """Each file is compared with the RECORD; a lost file counts as changed."""
    point = a_wheel(tmp_path / "site")
    intact = altered_files("cloud", available=lambda: (point,))
    (tmp_path / "site" / "cloud" / "__init__.py").write_text("x = 3\n")
    changed = altered_files("cloud", available=lambda: (point,))
    (tmp_path / "site" / "cloud" / "__init__.py").unlink()
    lost = altered_files("cloud", available=lambda: (point,))

    assert (intact, changed, lost) == ((), ("cloud/__init__.py",), ("cloud/__init__.py",))
