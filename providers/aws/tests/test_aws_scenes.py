"""kill -9 at every crash point on AWS over HTTP: what is there is what is known and what is wanted."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aws_cloud import AwsCloud
from aws_project import aws_forks
from aws_scenes import SCENES, AwsStage
from cloud_scenes import play, unreached
from dcplan.apply.crash import POINTS
from fork_server import ForkServer

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")


@pytest.fixture(scope="module")
def forks() -> Iterator[ForkServer]:
    """Runs commands in processes that have all imported."""
    with aws_forks() as server:
        yield server


SHORT = [name for name, scene in SCENES.items() if not scene.long]
"""``make soak`` plays the others, and all of them at many passages."""


def test_every_point_is_in_a_scene() -> None:
    """If you have added a crash point: kill it in a scene of ``aws_scenes``, and of ``gcp_scenes``."""
    assert set().union(*(SCENES[name].points for name in SHORT)) == set(POINTS)


@pytest.mark.parametrize("name", SHORT)
def test_killed_again_and_again_all_is_made_once(
    name: str, forks: ForkServer, cloud: AwsCloud, tmp_path: Path
) -> None:
    """Each run dies where it shall; the last finds all that they left, and what is destroyed is gone."""
    died = play(AwsStage(tmp_path, forks, cloud), SCENES[name])

    assert unreached(SCENES[name], died) == []
