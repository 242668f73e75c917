"""How the state looks to programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcplan.state.types import State


def as_data(state: State) -> dict[str, object]:
    """What a state file holds; before the first apply the same without a lineage."""
    if not state.lineage:
        return {
            "version": state.version,
            "lineage": None,
            "serial": state.serial,
            "resources": [],
            "deployment": {},
        }
    from dcplan.state.codec import to_json  # noqa: PLC0415 - pydantic, which text output does without

    data: dict[str, object] = json.loads(to_json(state))
    return data
