"""One and many in sentences."""

from __future__ import annotations

import pytest

from dcplan.diag import agreeing


@pytest.mark.parametrize(
    ("many", "one"),
    [
        ("do not fit memory", "does not fit memory"),
        ("miss TTFT", "misses TTFT"),
        ("units miss the SLA", "unit misses the SLA"),
        ("remain", "remains"),
        ("are", "is"),
        ("dominated", "dominated"),
        ("not run by the hardware or the engine", "not run by the hardware or the engine"),
    ],
)
def test_what_is_said_agrees_with_the_count(many: str, one: str) -> None:
    """Of one the verb has its s; of none and of many it has not; other words stay."""
    assert agreeing(1, many) == one
    assert agreeing(0, many) == agreeing(2, many) == many
