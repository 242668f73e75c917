"""A disk that takes no more, at every size from nothing to plenty."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from full_disk import whole_after

if TYPE_CHECKING:
    from cloud_project import FarProject
    from fork_server import ForkServer


@pytest.mark.timeout(0)
@pytest.mark.parametrize("limit_bytes", [1, 4_095, *range(4_096, 400_000, 6_007)])
def test_short_writes_at_every_size(project: FarProject, far: ForkServer, limit_bytes: int) -> None:
    """Wherever in an apply the disk refuses, it is said, and one apply with room makes all whole."""
    code = project.forked(far, "apply", "-auto-approve", file_limit_bytes=limit_bytes)

    assert whole_after(project, far, code, project.said()) == []
