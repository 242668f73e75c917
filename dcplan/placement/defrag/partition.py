"""The counts model in parts: racks are alike, so a share of them is a smaller problem of the same kind.

After POP (Narayanan et al., "Solving Large-Scale Granular Resource Allocation
Problems Efficiently with POP", SOSP 2021), but the domains are dealt out in
the order of what their slices cost, so that each part is like the whole.
With fewer than about 80 domains a part, too much room is cut into pieces that
fit nothing.  What a part proves holds for the part only.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor

from dcplan.placement.cpsat import Effort, Status
from dcplan.placement.defrag.aggregate import Counted, count_moves
from dcplan.placement.defrag.drain import Drain
from dcplan.placement.defrag.types import Domain, Group, Standing

LEAST_DOMAINS = 80
"""Of one part."""


def count_in_parts(  # noqa: PLR0913 - as count_moves, and who does it
    standing: Standing,
    drains: Sequence[Drain],
    give: Sequence[int],
    effort: Effort,
    *,
    executor: Executor | None = None,
    least: int = LEAST_DOMAINS,
) -> Counted:
    """As ``count_moves``, each part apart; ``give``: of each domain, the slices of the cheapest choice.

    Each part frees as many slices as the cheapest choice has in it.  Found or
    not found, without a bound.
    """
    order = sorted(range(len(drains)), key=lambda at: (drains[at].weight[1:2], at))
    count = max(1, len(drains) // least)
    tasks = []
    for first in range(count):
        domains = sorted(order[first::count])
        part, nodes, groups = _restricted(standing, domains)
        wanted = sum(give[at] for at in domains)
        tasks.append((part, nodes, groups, domains, [drains[at] for at in domains], wanted, effort))
    found = list(executor.map(_solve, tasks) if executor else map(_solve, tasks))
    if not all(one.status in (Status.OPTIMAL, Status.FEASIBLE) for one in found):
        return Counted(status=Status.UNKNOWN, bound=0)
    return Counted(
        status=Status.FEASIBLE,
        bound=0,
        slices=tuple(one for part in found for one in part.slices),
        leaving=frozenset().union(*(part.leaving for part in found)),
        advice={group: domain for part in found for group, domain in part.advice.items()},
    )


_Task = tuple[Standing, Sequence[int], Sequence[int], Sequence[int], Sequence[Drain], int, Effort]


def _solve(task: _Task) -> Counted:
    """One part, and its answer in the numbers of the whole; in a process of its own, perhaps."""
    part, nodes, groups, domains, drains, wanted, effort = task
    found = count_moves(part, drains, range(len(domains)), wanted, effort)
    return Counted(
        status=found.status,
        bound=found.bound,
        slices=tuple(tuple(nodes[node] for node in one) for one in found.slices),
        leaving=frozenset(groups[at] for at in found.leaving),
        advice={groups[at]: domains[to] for at, to in found.advice.items()},
    )


def _restricted(
    standing: Standing, domains: Sequence[int]
) -> tuple[Standing, tuple[int, ...], tuple[int, ...]]:
    """Only these domains, numbered anew, and the numbers of their nodes and groups in the whole."""
    nodes = tuple(node for at in domains for node in standing.domains[at].nodes)
    groups = tuple(dict.fromkeys(group for node in nodes for group in standing.on[node]))
    new_node = {old: new for new, old in enumerate(nodes)}
    new_group = {old: new for new, old in enumerate(groups)}
    new_domain = {old: new for new, old in enumerate(domains)}
    part = Standing(
        nodes=tuple(standing.nodes[node] for node in nodes),
        domains=tuple(
            Domain(
                name=standing.domains[at].name,
                nodes=tuple(new_node[node] for node in standing.domains[at].nodes),
                slice_nodes=standing.domains[at].slice_nodes,
            )
            for at in domains
        ),
        domain_of=tuple(new_domain[standing.domain_of[node]] for node in nodes),
        groups=tuple(_renumbered(standing.groups[at], new_node, new_domain) for at in groups),
        on=tuple(tuple(new_group[group] for group in standing.on[node]) for node in nodes),
    )
    return part, nodes, groups


def _renumbered(group: Group, node: dict[int, int], domain: dict[int, int]) -> Group:
    """The same group in other numbers."""
    return Group(
        job=group.job,
        parts=group.parts,
        seats=tuple(node[one] for one in group.seats),
        needs=group.needs,
        models=group.models,
        domain=domain[group.domain],
    )
