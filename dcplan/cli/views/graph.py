"""How resources and what needs what look: DOT for people, JSON for programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.cli.views.changes import SIGNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dcplan.plan.types import Plan
    from dcplan.resources import Action, Address, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One resource of a graph."""

    address: str
    needs: tuple[str, ...] = ()
    """After the plan; of what is deleted, today."""
    action: Action | None = None
    """What a plan does to it; None where it is only needed, or where there is no plan."""


def of_resources(resources: Mapping[Address, Resource]) -> tuple[Node, ...]:
    """Each resource with what it needs."""
    return tuple(
        Node(address=str(address), needs=tuple(map(str, resource.needs)))
        for address, resource in resources.items()
    )


def of_plan(plan: Plan) -> tuple[Node, ...]:
    """What a plan changes, and what that needs."""
    nodes: dict[str, Node] = {}
    for change in (*plan.state_changes, *plan.changes):
        resource = change.after or change.before
        needs = tuple(map(str, resource.needs)) if resource is not None else ()
        nodes[str(change.address)] = Node(address=str(change.address), needs=needs, action=change.action)
    for need in [need for node in nodes.values() for need in node.needs]:
        nodes.setdefault(need, Node(address=need))
    return tuple(nodes.values())


def as_dot(nodes: Iterable[Node]) -> str:
    """DOT, as Graphviz reads it; changes in the colours of a plan."""
    lines = ["digraph dcplan {", "  rankdir = LR;", "  node [shape = box];"]
    for node in nodes:
        lines.append(f'  "{node.address}"{_style(node)};')
        lines += [f'  "{node.address}" -> "{need}";' for need in node.needs]
    return "\n".join([*lines, "}"])


def _style(node: Node) -> str:
    if node.action is None:
        return ""
    sign, colour = SIGNS.get(node.action, (node.action.value, "blue"))
    return f' [label = "{sign} {node.address}", color = {colour}]'


def as_data(nodes: Iterable[Node]) -> dict[str, object]:
    """The same for programs."""
    return {
        "resources": [
            {"address": node.address, "needs": list(node.needs)}
            | ({} if node.action is None else {"action": node.action.value})
            for node in nodes
        ]
    }
