"""What roles allow, against what a server of Google Cloud was asked."""

from __future__ import annotations

from collections.abc import Iterable

from dcplan.provider.permissions import Allowance
from dcplan_gcp.permissions import permissions_of


def permissions_in(role: Allowance) -> set[str]:
    """The permissions of a role."""
    included = role.content["includedPermissions"]
    assert isinstance(included, list)
    return {str(one) for one in included}


def method_of(seen: str) -> str:
    """The method in a line of the server's log, as the tables name it."""
    return seen.partition(" ")[0].removeprefix("compute.")


def not_allowed(seen: Iterable[str], allowed: set[str]) -> list[str]:
    """Methods that were called and need something that is not allowed."""
    methods = {method_of(one) for one in seen if "_control" not in one}
    return sorted(one for one in methods if not permissions_of(one) <= allowed)
