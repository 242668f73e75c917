"""How the state looks to programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.state.types import State


def members(state: State) -> Iterator[tuple[str, object]]:
    """What a state file holds, by name, resources one by one; before the first apply without a lineage."""
    if state.lineage:
        from dcplan.state.codec import fields_of  # noqa: PLC0415 - pydantic, which text output does without

        yield from fields_of(state)
        return
    yield from (("version", state.version), ("lineage", None), ("serial", state.serial))
    yield from (("resources", []), ("deployment", {}))
