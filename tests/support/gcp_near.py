"""For forked commands that ask the Google Cloud of ``tests/clouds``: imported once, it saves each that time.

That server shows what was made at once, so that nobody has to look for seconds for what is not there.
"""

from __future__ import annotations

from dataclasses import replace

import dcplan_gcp.acting  # noqa: F401 - so that no child imports it
from dcplan_gcp import GcpProvider
from dcplan_gcp.kinds import KINDS

near = {name: replace(kind, consistency_window_s=0.5) for name, kind in KINDS.items()}
GcpProvider.cloud = replace(GcpProvider.cloud, kinds=near)
