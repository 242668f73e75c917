"""The house has one staircase, and imports go down it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter with the project's contracts on the package below ``folder``."""
    program = (
        "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as c; c()"
    )
    command = [sys.executable, "-c", program, "--config", str(folder / "pyproject.toml"), "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_imports_only_go_towards_the_ground_floor() -> None:
    """Every contract in pyproject.toml holds.

    If you are here because this test failed: the output names the import that
    goes up the stairs.  Move the noun both rooms need to the lower one, or hand
    the value over as an argument.  A new room must be put on the staircase in
    pyproject.toml and told of in ARCHITECTURE.md.
    """
    done = lint_imports(ROOT)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_staircase_notices_who_goes_up(tmp_path: Path) -> None:
    """An import from the ground floor to the top, and a room that is not listed, are both reported."""
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    for source in (ROOT / "dcplan").rglob("*.py"):
        target = tmp_path / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text())
    upward = tmp_path / "dcplan" / "diag" / "upward.py"
    upward.write_text("from dcplan import cli\n")
    unlisted = tmp_path / "dcplan" / "attic.py"

    first = lint_imports(tmp_path)
    upward.unlink()
    unlisted.write_text('"""A room that is on no floor."""\n')
    second = lint_imports(tmp_path)

    assert first.returncode != 0
    assert "dcplan.diag is not allowed to import dcplan.cli" in first.stdout
    assert second.returncode != 0
    assert "attic" in second.stdout
