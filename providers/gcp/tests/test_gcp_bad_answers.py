"""Refusals that are no missing permission say what helps; answers of another form harm nothing."""

from __future__ import annotations

import sys

import pytest

from dcplan_gcp.answers import without_credentials
from gcp_project import Project

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")

REFUSALS = {
    "expired": (401, "authError", "Invalid authentication credentials", "application-default login"),
    "switched off": (403, "accessNotConfigured", "Compute Engine API is disabled", "gcloud services enable"),
    "permission": (403, "forbidden", "Required compute.networks.create permission", "dcplan iam"),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_a_refusal_says_what_helps(on_gcp: Project, what: str) -> None:
    """What Google said, and the one way out that fits; nothing is made."""
    status, reason, message, helps = REFUSALS[what]
    on_gcp.cloud.fail(status=status, reason=reason, message=message, times=99)
    applied = on_gcp.run("apply", "the.plan")

    assert applied == 1
    assert message in on_gcp.said
    assert [one[3] for one in REFUSALS.values() if one[3] in on_gcp.said] == [helps]
    assert on_gcp.cloud.things() == {}


def test_a_clock_that_is_wrong_is_told_apart_from_missing_credentials() -> None:
    """Google's words for a token of another time lead to the clock."""
    late = "invalid_grant: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."

    assert "clock of this machine" in without_credentials(ValueError(late))
    assert "application-default login" in without_credentials(ValueError("could not be found"))


def test_answers_of_another_form_double_nothing(on_gcp: Project) -> None:
    """A create without its field is looked for and found; a list without it is told in words."""
    on_gcp.cloud.fail(method="instances.insert", mode="alter", old="selfLink", new="selfRef")
    applied = on_gcp.run("apply", "the.plan")
    wrongs = on_gcp.wrongs()
    on_gcp.cloud.fail(method="instances.aggregatedList", mode="alter", old="selfLink", new="selfRef", times=9)
    planned = on_gcp.run("plan")
    said = on_gcp.said
    on_gcp.cloud.reset()

    assert (applied, wrongs, planned) == (0, [], 1)
    assert "newer dcplan-gcp" in said
    assert "Traceback" not in said
