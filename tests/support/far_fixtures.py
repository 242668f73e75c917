"""Fixtures of tests on a cloud in another process; a ``conftest.py`` imports them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloud_project import Cloud, FarProject, far_forks

if TYPE_CHECKING:
    from fork_server import ForkServer


@pytest.fixture(scope="session")
def far() -> Iterator[ForkServer]:
    """Forks commands that know the provider ``faraway``."""
    with far_forks() as forks:
        yield forks


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A calm cloud, of this test alone."""
    with Cloud() as one:
        yield one


@pytest.fixture
def project(cloud: Cloud, tmp_path: Path) -> FarProject:
    """A new project on it."""
    return FarProject.written(tmp_path / "far", cloud)
