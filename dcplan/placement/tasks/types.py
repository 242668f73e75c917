"""The nouns of placing tasks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One row of the catalogue on which a task can run."""

    row: str
    """Name of the row: a machine type at a place, bought in one way."""
    place: str
    """What egress prices go by: a region, ``aws/us-east-1``."""
    usd: float
    """Of the whole task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task and all rows that fit it; rows of one place need no order."""

    name: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """What one task hands to another."""

    sender: str
    receiver: str
    size_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskProblem:
    """Tasks, what they hand on, and what it costs to move it."""

    tasks: tuple[Task, ...]
    edges: tuple[Edge, ...]
    egress_usd_per_byte: Mapping[tuple[str, str], float]
    """Of each ordered pair of places; within one place nothing, if the pair is not there."""
    seed: int = 0
    largest_table: int = 4_000_000
    """Numbers that elimination may hold in one table; beyond, the solver is asked."""
    deterministic_limit: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One task at its place."""

    task: str
    option: Option


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskPlan:
    """All tasks at their places, and what that costs."""

    placed: tuple[Placed, ...]
    """In the order of the problem's tasks."""
    usd: float
    machines_usd: float
    egress_usd: float
    bound_usd: float
    """No placement costs less."""
    method: str
    """What proved it: ``bound`` (a first placement met it), ``elimination``, ``branching``, or the solver."""
    status: str
    """``optimal`` or ``feasible``."""
    considered: int
    """Options that were left after dominated ones were dropped."""
