"""Each scene of each cloud, killed at many passages of each of its points: all is whole, nothing twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import aws_scenes
import gcp_scenes
from aws_cloud import aws_cloud
from aws_project import aws_forks
from cloud_scenes import KILLED, Scene, Stage, play
from fork_server import ForkServer
from gcp_cloud import GcpCloud

PASSAGES = (1, 2, 3, 5, 8, 13)
FIRST = ("after-intent:1", "after-intent:2", "after-begin:1", "after-begin:3", "after-ack:2")
"""Kills that make a recovery necessary."""


@pytest.fixture(scope="module")
def on_aws() -> Iterator[Callable[[Path], Stage]]:
    """A project in a folder, and an empty account."""
    with aws_cloud() as cloud, aws_forks() as forks:

        def fresh(folder: Path) -> Stage:
            cloud.reset()
            return aws_scenes.AwsStage(folder, forks, cloud)

        yield fresh


@pytest.fixture(scope="module")
def on_google(gcp_server: GcpCloud, gcp_forks: ForkServer) -> Callable[[Path], Stage]:
    """As on AWS."""

    def fresh(folder: Path) -> Stage:
        gcp_server.reset()
        return gcp_scenes.GcpStage(folder, gcp_forks, gcp_server)

    return fresh


def stories(point: str) -> list[tuple[str, ...]]:
    """Kills that end at this point."""
    if point.startswith("recover-"):
        return [(first, point) for first in FIRST]
    return [(f"{point}:{passage}",) for passage in PASSAGES]


def killed_everywhere(fresh: Callable[[Path], Stage], scene: Scene, point: str, folder: Path) -> None:
    """Play it for each of the stories; the point is reached in one at least."""
    reached = 0
    for number, kills in enumerate(stories(point)):
        (folder / str(number)).mkdir()
        died = play(fresh(folder / str(number)), scene, kills)
        reached += died[-1] == KILLED
        if died[-1] != KILLED and len(kills) == 1:
            break
    assert reached


@pytest.mark.parametrize(
    ("name", "point"), [(n, p) for n, scene in aws_scenes.SCENES.items() for p in sorted(scene.points)]
)
def test_scenes_on_aws(on_aws: Callable[[Path], Stage], tmp_path: Path, name: str, point: str) -> None:
    """What is there is what is known and wanted, whichever passage it was."""
    killed_everywhere(on_aws, aws_scenes.SCENES[name], point, tmp_path)


@pytest.mark.parametrize(
    ("name", "point"), [(n, p) for n, scene in gcp_scenes.SCENES.items() for p in sorted(scene.points)]
)
def test_scenes_on_google_cloud(
    on_google: Callable[[Path], Stage], tmp_path: Path, name: str, point: str
) -> None:
    """What is there is what is known and wanted, whichever passage it was."""
    killed_everywhere(on_google, gcp_scenes.SCENES[name], point, tmp_path)
