"""What a plan says of data that would go."""

from __future__ import annotations

import pytest

from dcplan.plan.data_loss import data_lost, fate_of
from dcplan.provider.storage import AFTER_BACKUP, IF_EMPTY, ON_DELETE, WITH_DATA
from dcplan.resources import Action, Address, Change, Reason, Resource


def change(
    name: str, fate: str | None, action: Action = Action.DELETE, reason: Reason = Reason.SAME
) -> Change:
    """What happens to one storage, or to something that holds no data."""
    attributes = {} if fate is None else {ON_DELETE: fate}
    before = Resource(address=Address("aws", "file_system", name), attributes=attributes)
    after = before if action is Action.REPLACE else None
    return Change(address=before.address, action=action, before=before, after=after, reason=reason)


def test_a_backup_and_the_way_to_keep_it_are_told() -> None:
    """One warning with the command for the one that would go."""
    (said,) = data_lost([change("scratch", AFTER_BACKUP), change("m", None)])

    assert "A backup is made first" in said.detail
    assert "dcplan state rm aws.file_system.scratch" in said.detail


def test_several_are_one_warning_and_say_which_leave_a_backup() -> None:
    """What goes without one is not said to leave one; a bucket that must be empty is not among them."""
    (said,) = data_lost(
        [change("a", AFTER_BACKUP, Action.REPLACE), change("b", WITH_DATA), change("c", IF_EMPTY)]
    )

    assert said.summary == "Data of 2 storages would be deleted"
    assert "A backup of aws.file_system.a is made first" in said.detail
    assert "file_system.c" not in said.detail


@pytest.mark.parametrize(
    "harmless",
    [
        change("a", WITH_DATA, Action.UPDATE),
        change("a", WITH_DATA, reason=Reason.GONE),
        change("a", None),
    ],
    ids=["stays", "gone-already", "no-data"],
)
def test_nothing_is_said_where_no_data_go(harmless: Change) -> None:
    """Neither beside the change nor as a warning."""
    assert fate_of(harmless) == ""
    assert data_lost([harmless]) == []
