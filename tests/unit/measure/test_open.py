"""The backend that was asked for, or why there is none."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import dcplan
from dcplan.measure import open_backend
from dcplan.measure.host import cache_bytes, cpu_name, free_bytes


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without PyTorch."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize(("backend", "device"), [("torch", "auto"), ("torch", "cpu"), ("auto", "cuda")])
def test_missing_pytorch_is_an_error_where_it_was_asked_for(backend: str, device: str) -> None:
    """With the way to install it, and the way without."""
    opened = open_backend(backend, device)

    assert [d.code for d in opened.diagnostics] == ["no-torch"]
    assert "pip install 'dcplan[measure]'" in opened.diagnostics[0].detail
    assert "-backend numpy" in opened.diagnostics[0].detail


@pytest.mark.usefixtures("no_torch")
@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_auto_takes_numpy_where_there_is_no_pytorch(device: str) -> None:
    """So that the command always runs."""
    assert open_backend("auto", device).unwrap().software == "numpy"


def test_a_broken_pytorch_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Installed for another machine: the reason is told, and auto goes on with numpy."""

    def fail(_: str) -> None:
        raise OSError("libcudart.so.13: cannot open shared object file")

    monkeypatch.setattr(importlib.util, "find_spec", lambda _: object())
    monkeypatch.setattr(importlib, "import_module", fail)
    asked = open_backend("torch", "auto")

    assert [d.code for d in asked.diagnostics] == ["no-torch"]
    assert "libcudart.so.13" in asked.diagnostics[0].detail
    assert open_backend("auto", "auto").unwrap().software == "numpy"


def test_the_room_runs_with_numpy_alone() -> None:
    """Where click, pydantic, YAML and rich are not installed, python -m dcplan.measure still measures."""
    program = (
        "import sys, runpy\n"
        "for name in ('click', 'jinja2', 'networkx', 'ortools', 'pydantic', 'rich', 'scipy', 'yaml'):\n"
        "    sys.modules[name] = None\n"
        "from dcplan.measure.names import accelerator_name, datasheet\n"
        "import dcplan.measure.__main__, dcplan.measure.numpy_backend\n"
        "print(accelerator_name('NVIDIA H100 80GB HBM3', 'cuda'), datasheet('H100'))\n"
    )
    folder = Path(dcplan.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=folder
    )

    assert done.stdout == "H100-80GB None\n", done.stderr


def test_the_machine_is_read_from_what_linux_tells(tmp_path: Path) -> None:
    """Model name, memory within the container's limit, and the largest cache."""
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: AMD EPYC 9B14\n")
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    4096 kB\n")
    (tmp_path / "memory.max").write_text("1048576\n")
    (tmp_path / "memory.current").write_text("48576\n")
    for index, size in enumerate(("32K", "512K", "16384K")):
        (tmp_path / f"index{index}").mkdir()
        (tmp_path / f"index{index}" / "size").write_text(f"{size}\n")

    assert cpu_name(tmp_path / "cpuinfo") == "AMD EPYC 9B14"
    assert free_bytes(tmp_path / "meminfo", tmp_path) == 1_000_000
    assert free_bytes(tmp_path / "meminfo", tmp_path / "no") == 4096 * 1024
    assert cache_bytes(tmp_path) == 16 * 2**20


def test_a_machine_that_tells_nothing_has_cautious_defaults(tmp_path: Path) -> None:
    """Nothing of Linux's files is there."""
    assert cpu_name(tmp_path / "no") != ""
    assert free_bytes(tmp_path / "no", tmp_path) == 4 * 2**30
    assert cache_bytes(tmp_path / "no") == 32 * 2**20
