"""A type of machine that is sold out in all zones of all regions: the same apply plans anew."""

from __future__ import annotations

import sys

import pytest

from gcp_project import Project

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")

ZONES = [f"{region}-{zone}" for region in ("us-central1", "us-east4") for zone in "abcdef"]


def test_a_gang_comes_to_be_on_another_type(on_gcp: Project) -> None:
    """One machine is had and given back; the next best type has networks of its own."""
    stock = {f"{zone}/a3-highgpu-8g": 0 for zone in ZONES}
    on_gcp.cloud.weather(capacity={**stock, "us-central1-a/a3-highgpu-8g": 1})
    applied = on_gcp.run("apply", "-auto-approve")
    said = on_gcp.said
    types = {thing["machineType"].rpartition("/")[2] for thing in on_gcp.cloud.things("instances").values()}
    again = on_gcp.run("plan", "-detailed-exitcode")

    assert applied == 0, said
    assert "Planning anew without them, round 2 of 4 at most." in said
    assert types == {"ct6e-standard-1t", "a3-megagpu-8g"}
    assert sorted(on_gcp.cloud.things("instances")) == on_gcp.machines()
    assert again == 0, on_gcp.said
    assert on_gcp.run("destroy", "-auto-approve") == 0
    assert on_gcp.cloud.things() == {}
