"""Most of these tests kill processes, which Windows does in ways of its own."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    collect_ignore_glob = ["*"]
else:
    from far_fixtures import cloud, far, project  # noqa: F401 - pytest finds fixtures here
    from team_fixtures import forks, server, team  # noqa: F401 - as above
