"""Permissions that many calls have in common."""

from __future__ import annotations

from dcplan_aws.needs import Need, When


def made(action: str, on: str, parent: str = "") -> tuple[Need, ...]:
    """What makes an object with tags of ec2, in a parent that is the owner's."""
    inside = (Need(f"ec2:{action}", parent, When.OURS),) if parent else ()
    born = Need("ec2:CreateTags", on, When.BORN, action)
    return (Need(f"ec2:{action}", on, When.NEW), born, *inside)


def ours(action: str, on: str) -> tuple[Need, ...]:
    """What changes or deletes an object that is the owner's."""
    return (Need(action, on, When.OURS),)
