"""Buckets that are folders, in place of gcs: for dcplan in this process and in others."""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from dcplan.state import backends

BACKEND = "\nbackend:\n  gcs: {prefix: chat}\n"
IN_A = "-backend-config=bucket=a"
_FACTORY = "blobs_for_tests:folder_backend"


def folder_servers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of buckets, ``a`` and ``b``; gcs means these in this process."""
    for bucket in ("a", "b"):
        (folder / bucket).mkdir(parents=True)
    monkeypatch.setenv("FOLDER_BACKEND", str(folder))
    point = EntryPoint("gcs", _FACTORY, backends.GROUP)
    monkeypatch.setattr(backends, "installed", lambda: (point,))
    return folder


def folder_site(folder: Path) -> dict[str, str]:
    """What another process needs in its environment, so that gcs means the same there."""
    info = folder / "site" / "dcplan_gcp-99.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: dcplan-gcp\nVersion: 99.0\n")
    (info / "entry_points.txt").write_text(f"[{backends.GROUP}]\ngcs = {_FACTORY}\n")
    return {"PYTHONPATH": f"{info.parent}{os.pathsep}{Path(__file__).parent}"}


def append(folder: Path, text: str) -> None:
    """Write something under the document of a project."""
    path = folder / "dcplan.yaml"
    path.write_text(path.read_text() + text)
