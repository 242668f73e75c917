"""The wheels hold what they should and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def wheel_of(folder: Path, work: Path) -> list[str]:
    """The names in the wheel that a copy of ``folder`` builds."""
    source = work / "source"
    ignore = shutil.ignore_patterns(".*", "*.egg-info", "build", "dist", "__pycache__")
    shutil.copytree(folder, source, ignore=ignore)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(work), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = work.glob("*.whl")
    return zipfile.ZipFile(wheel).namelist()


def test_the_core_wheel_holds_the_package_its_data_and_nothing_of_the_repository(tmp_path: Path) -> None:
    """dcplan/ with its YAML and its type marker; no tests, examples, providers or schemas."""
    names = wheel_of(ROOT, tmp_path)
    tops = {name.split("/")[0] for name in names}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"dcplan"}
    assert "dcplan/py.typed" in names
    assert "dcplan/catalog/data/accelerators.yaml" in names
    assert "dcplan/provider/templates/agent.sh.j2" in names
    assert any(name.startswith("dcplan/catalog/data/models/") for name in names)


@pytest.mark.parametrize("name", ["aws", "gcp"])
def test_a_provider_wheel_holds_its_own_package(name: str, tmp_path: Path) -> None:
    """dcplan_<name>/ with its templates, and the entry point by which the core finds it."""
    names = wheel_of(ROOT / "providers" / name, tmp_path)
    tops = {n.split("/")[0] for n in names}

    assert {top for top in tops if not top.endswith(".dist-info")} == {f"dcplan_{name}"}
    assert any(n.endswith("entry_points.txt") for n in names)
    assert f"dcplan_{name}/templates/agent.sh.j2" in names
