"""Fixtures of tests in which two folders share a state on a server; a ``conftest.py`` imports them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cloud_project import Cloud
from state_servers import KINDS, StateServer, state_server
from teams import Team, team_forks

if TYPE_CHECKING:
    from fork_server import ForkServer


@pytest.fixture(scope="session")
def forks() -> Iterator[ForkServer]:
    """Forks commands that know the provider ``faraway`` and the servers of state."""
    with team_forks() as started:
        yield started


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[StateServer]:
    """One of each kind, for all tests of a file."""
    with state_server(request.param) as started:
        yield started


@pytest.fixture
def team(tmp_path: Path, cloud: Cloud, server: StateServer, forks: ForkServer) -> Team:
    """Two folders that were prepared for one state on the server."""
    return Team.prepared(tmp_path, cloud, server, forks)
