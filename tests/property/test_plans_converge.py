"""Whatever the document becomes, one apply makes it so: the next plan is empty, the world is the state."""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dcplan.provider.local import provider as local
from dcplan.workflow import Project, apply, plan, plan_destroy
from dcplan.workflow.planning import read_state

INVENTORY = """\
name: hall
region: r
machines:
  h100x8:
    {accelerator: H100, devices: 8, vcpus: 96, memory: 1TiB, network: 3200Gbit/s, fabric: RoCE, scale_up_domain: 8, price: $18/h}
  l40sx4:
    {accelerator: L40S, devices: 4, vcpus: 64, memory: 512GiB, network: 200Gbit/s, fabric: RoCE, scale_up_domain: 1, price: $4/h}
zones:
  a: {racks: {count: 2, machine: h100x8, nodes: 3}}
  b: {racks: [{count: 1, machine: h100x8, nodes: 4}, {count: 1, machine: l40sx4, nodes: 6, prefix: l}]}
"""  # noqa: E501 - one machine a line


def a_document(rates: tuple[int, ...], *, spread: bool, train: bool) -> str:
    """A document with a service for each rate above zero, and perhaps a training."""
    lines = ["project: p", "providers: {local: {datacenter: hall.yaml}}", "workloads:"]
    for i, rate in enumerate(rates):
        if not rate:
            continue
        lines += [
            f"  s{i}:",
            "    kind: serve",
            f"    model: {('llama-3.1-8b', 'llama-3.1-70b')[i % 2]}",
            f"    traffic: {{requests_per_s: {rate}/s, prompt_tokens: 600, output_tokens: 150}}",
            "    sla: {ttft: {p95: 3s}, tpot: {p95: 100ms}}",
        ]
        if spread:
            lines.append("    constraints: {spread: {over: zone, at_least: 2}}")
    if train or not any(rates):
        lines += [
            "  t:",
            "    kind: train",
            "    model: llama-3.1-8b",
            "    tokens: 20B",
            "    sequence_length: 4096",
            "    global_batch: 256",
            "    deadline: 30d",
        ]
    return "\n".join(lines) + "\n"


DOCUMENTS = st.builds(
    a_document,
    st.tuples(st.sampled_from([0, 1, 5, 20]), st.sampled_from([0, 1, 3])),
    spread=st.booleans(),
    train=st.booleans(),
)


def names_in(world: Path, lineage: str) -> list[tuple[str, str]]:
    """Kind and name of everything of ours that the data centre holds."""
    made = local({"datacenter": "hall.yaml"}, world).unwrap()
    return sorted((found.address.kind, found.address.name) for found in made.owned(lineage))


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(DOCUMENTS, min_size=2, max_size=3))
def test_every_apply_ends_in_what_was_planned(documents: list[str]) -> None:
    """From each document to the next: what is planned is made, nothing is left over, nothing moves again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "hall.yaml").write_text(INVENTORY)
        project = Project(folder=folder)
        for document in documents:
            (folder / "dcplan.yaml").write_text(document)
            planned = plan(project)
            assert planned.value is not None, planned.diagnostics
            done = apply(project, planned.value.plan, report=lambda _: None, stop=threading.Event())
            again = plan(project).unwrap()
            state = read_state(project).unwrap().state

            assert done.ok, done.diagnostics
            assert again.plan.changes == ()
            assert names_in(folder, state.lineage) == sorted((a.kind, a.name) for a in state.resources)
            assert len([a for a in state.resources if a.kind == "machine"]) == sum(
                use.machines for use in planned.value.plan.pools
            )

        apply(project, plan_destroy(project).unwrap().plan, report=lambda _: None, stop=threading.Event())

        assert read_state(project).unwrap().state.resources == {}
        assert names_in(folder, state.lineage) == []
