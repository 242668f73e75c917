"""kill -9 at every crash point on Google Cloud over HTTP: what is there is what is known and wanted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cloud_scenes import play, unreached
from dcplan.apply.crash import POINTS
from fork_server import ForkServer
from gcp_cloud import GcpCloud
from gcp_scenes import SCENES, GcpStage

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")


SHORT = [name for name, scene in SCENES.items() if not scene.long]
"""``make soak`` plays the others, and all of them at many passages."""


def test_every_point_is_in_a_scene() -> None:
    """If you have added a crash point: kill it in a scene of ``gcp_scenes``, and of ``aws_scenes``."""
    assert set().union(*(SCENES[name].points for name in SHORT)) == set(POINTS)


@pytest.mark.parametrize("name", SHORT)
def test_killed_again_and_again_all_is_made_once(
    name: str, gcp_forks: ForkServer, gcp_server: GcpCloud, tmp_path: Path
) -> None:
    """Each run dies where it shall; the last finds all that they left, and what is destroyed is gone."""
    gcp_server.reset()
    died = play(GcpStage(tmp_path, gcp_forks, gcp_server), SCENES[name])

    assert unreached(SCENES[name], died) == []
