"""Projects for ``lifecycle.py`` on a cloud in another process, and Terraform's counterpart of an apply."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from measuring import once

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "support"))

from cloud_project import FARAWAY, Cloud

__all__ = ["FARAWAY", "Cloud", "terraform_apply", "to_the_cloud"]


def to_the_cloud(fleet: Path, folder: Path, cloud: Cloud) -> None:
    """The document and inventory of a fleet as a project on that cloud."""
    folder.mkdir()
    text = (fleet / "dcplan.yaml").read_text(encoding="utf-8")
    local = "  local: {datacenter: datacenter.yaml}\n"
    if local not in text:
        raise RuntimeError("The fleet's document is not as fleets.py writes it.")
    far = f"  faraway: {{endpoint: {cloud.endpoint}, datacenter: datacenter.yaml}}\n"
    (folder / "dcplan.yaml").write_text(text.replace(local, far), encoding="utf-8")
    (folder / "datacenter.yaml").write_text(
        (fleet / "datacenter.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )


def terraform_apply(folder: Path, resources: int, env: Mapping[str, str]) -> float:
    """Wall seconds in which Terraform makes so many resources of its built-in kind, one block each."""
    folder.mkdir()
    body = 'input = { zone = "z1", machine = "h100x8" }'
    text = "".join(f'resource "terraform_data" "r{i}" {{\n  {body}\n}}\n' for i in range(resources))
    (folder / "main.tf").write_text(text, encoding="utf-8")
    once(["terraform", "init", "-no-color"], folder, env)
    run, _ = once(["terraform", "apply", "-auto-approve", "-no-color"], folder, env)
    return run.wall_s
