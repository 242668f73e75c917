"""What takes minutes or hours: ``make soak`` runs it, ``make test`` does not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

if "SOAK_OUT" not in os.environ:
    collect_ignore_glob = ["*"]
else:
    from far_fixtures import cloud, far, project  # noqa: F401 - pytest finds fixtures here
    from gcp_project import gcp_forks, gcp_planned, gcp_server, on_gcp  # noqa: F401 - as above
    from team_fixtures import forks, server, team  # noqa: F401 - as above


@pytest.fixture(scope="session")
def out() -> Path:
    """The folder for figures."""
    folder = Path(os.environ["SOAK_OUT"]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder
