"""Workflow: the rooms strung together, one function a command.

Takes: a Project on disk.        Gives: Checked, Planned, Applied.
Knows: every room below, files, the clock.       Never: a terminal.

This is dcplan's Python API:

    from dcplan.workflow import Project, check, plan, apply

Importing it is cheap; each function imports the rooms it needs.
"""

from dcplan.workflow.types import Applied, Checked, Planned, Project

__all__ = [
    "Applied",
    "Checked",
    "Planned",
    "Project",
    "apply",
    "check",
    "init",
    "measure",
    "plan",
    "plan_destroy",
]


def __getattr__(name: str) -> object:
    """The functions, imported when they are first asked for."""
    homes = {
        "check": "checking",
        "init": "checking",
        "plan": "planning",
        "plan_destroy": "planning",
        "apply": "applying",
        "measure": "measuring",
    }
    if name not in homes:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - only when asked for

    return getattr(importlib.import_module(f"dcplan.workflow.{homes[name]}"), name)
