"""A document that plans with the user's own figures."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.conftest import Small

PROFILE = """\
sources: {mine: {name: my own runs, date: "2026-11-01"}}
rows:
  - {of: L40S, figure: memory, value: SHARE, basis: measured, from: mine}
profiles: []
"""


def planned(small: Small, share: str) -> float:
    """Cost of the plan when memory reaches this share of its bandwidth."""
    (small.folder / "mine.yaml").write_text(PROFILE.replace("SHARE", share))
    return float(small.data("plan")["usd_per_h"])


def test_a_profile_of_the_document_changes_its_plan(small: Small) -> None:
    """A device that reads its memory more slowly serves less, so that more of them are needed."""
    small.replace("providers:\n", "profiles: [mine.yaml]\n\nproviders:\n")

    assert planned(small, "0.95") < planned(small, "0.55")


def test_a_profile_that_is_not_there_or_wrong_is_told_at_its_line(small: Small) -> None:
    """The document's line for a missing file, the profile's own line for what is wrong in it."""
    small.replace("providers:\n", "profiles: [mine.yaml]\n\nproviders:\n")
    missing = small.run("validate")
    (small.folder / "mine.yaml").write_text(PROFILE.replace("SHARE", "7"))
    wrong = small.run("validate")

    assert (missing.exit_code, wrong.exit_code) == (1, 1)
    assert "There is no such profile" in missing.stderr
    assert "dcplan.yaml:" in missing.stderr
    assert "mine.yaml:3:" in wrong.stderr
