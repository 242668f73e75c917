"""From named machines and replicas to resources, and back when the next plan reads them."""

from __future__ import annotations

from dataclasses import replace

from candidates import POOL, a_candidate
from dcplan.catalog.types import Offering, Purchase, Source
from dcplan.demand.types import Demand, Lengths, Limits, ServeDemand, TrainDemand
from dcplan.perf.types import Layout
from dcplan.placement.types import (
    Allotment,
    Assignment,
    MachineSlot,
    Pool,
    PoolUse,
    ReplicaSlot,
    Solution,
    SolverReport,
)
from dcplan.plan.cost import usd_for_job, usd_per_h_of
from dcplan.plan.current import allotments_of, assignment_of, beside_of, known_again
from dcplan.plan.diff import diff
from dcplan.plan.lower import lower, settings_of
from dcplan.provider.local.kinds import KINDS
from dcplan.provider.lowering import lower as to_resources
from dcplan.resources import Resource, ResourceGraph
from dcplan.sharding.names import told_apart
from dcplan.sharding.types import (
    PrefillMachines,
    PrefillWorkers,
)

LENGTHS = Lengths(mean=100.0, p50=80.0, p95=300.0, p99=400.0)

CHAT = a_candidate("chat", devices=2, machines=0, replicas=3, hours=None)
JOB = a_candidate("job", devices=16, machines=2, replicas=1, hours=100.0)
CANDIDATES = {c.id: c for c in (CHAT, JOB)}

DEMAND = Demand(
    project="p",
    workloads=(
        ServeDemand(
            name="chat",
            model="m",
            requests_per_s=3.0,
            mean_requests_per_s=3.0,
            prompt_tokens=LENGTHS,
            output_tokens=LENGTHS,
            arrival_cv2=1.0,
            bounds=(),
            availability=None,
            basis="declared",
            limits=Limits(),
            origin=("workloads", "chat"),
        ),
        TrainDemand(
            name="job",
            model="m",
            tokens=1e9,
            sequence_tokens=4096,
            global_batch_sequences=64,
            deadline_s=None,
            deadline_origin=None,
            limits=Limits(),
            origin=("workloads", "job"),
        ),
    ),
)

OFFERING = Offering(
    provider="local",
    region="r",
    zone="z",
    machine="h100x8",
    purchase=Purchase.OWNED,
    usd_per_h=10.0,
    machines=9,
    available=True,
    block="b",
    source=Source(name="a test", date="2026-01-01"),
)

ASSIGNMENT = Assignment(
    machines=(
        MachineSlot(name="z-h100x8-0", pool=POOL, exclusive_to="job"),
        MachineSlot(name="z-h100x8-1", pool=POOL, exclusive_to="job"),
        MachineSlot(name="z-h100x8-2", pool=POOL, exclusive_to=None),
    ),
    replicas=(
        ReplicaSlot(
            name="chat-0", workload="chat", choice="chat/a", machines=("z-h100x8-2",), devices=(0, 1)
        ),
        ReplicaSlot(
            name="chat-1", workload="chat", choice="chat/a", machines=("z-h100x8-2",), devices=(2, 3)
        ),
        ReplicaSlot(
            name="chat-2", workload="chat", choice="chat/a", machines=("z-h100x8-2",), devices=(4, 5)
        ),
        ReplicaSlot(
            name="job-0",
            workload="job",
            choice="job/a",
            machines=("z-h100x8-0", "z-h100x8-1"),
            devices=tuple(range(8)),
        ),
    ),
)


def resources() -> tuple[Resource, ...]:
    """What the local provider makes of the assignment."""
    placement = lower(DEMAND, CANDIDATES, ASSIGNMENT, {POOL: OFFERING})["local"]
    return to_resources(placement, provider="local", machine_kind="machine", kinds=KINDS)


def test_what_was_lowered_is_read_back_as_it_was() -> None:
    """Tomorrow's plan knows every machine and replica of today's, so nothing moves without need."""
    back = assignment_of(resources())

    assert sorted(back.machines, key=lambda m: m.name) == list(ASSIGNMENT.machines)
    assert sorted(back.replicas, key=lambda r: r.name) == list(ASSIGNMENT.replicas)
    assert allotments_of(back) == (
        Allotment(workload="chat", choice="chat/a", pool=POOL, replicas=3),
        Allotment(workload="job", choice="job/a", pool=POOL, replicas=1),
    )


def test_other_links_elsewhere_change_nothing_of_what_runs() -> None:
    """A pool with other links makes the candidate's id longer: settings stay, and it is known again."""
    here, there = (
        replace(JOB, id=told_apart(JOB.id, POOL)),
        replace(JOB, id=told_apart(JOB.id, "z/c/h100x8"), pools=("z/c/h100x8",)),
    )
    candidates = {c.id: c for c in (CHAT, here, there)}
    job = replace(ASSIGNMENT.replicas[-1], choice=here.id)
    now = replace(ASSIGNMENT, replicas=(*ASSIGNMENT.replicas[:-1], job))
    placement = lower(DEMAND, candidates, now, {POOL: OFFERING})["local"]
    lowered = to_resources(placement, provider="local", machine_kind="machine", kinds=KINDS)

    assert lowered == resources()
    assert {r.choice for r in known_again(assignment_of(lowered), candidates.values()).replicas} == {
        "chat/a",
        here.id,
    }


def test_replicas_stand_on_their_machines_and_the_endpoint_names_the_replicas() -> None:
    """Needs run from endpoint to replica to machine."""
    needs = {str(r.address): {str(n) for n in r.needs} for r in resources()}

    assert needs["local.replica.chat-1"] == {"local.machine.z-h100x8-2"}
    assert needs["local.job.job-0"] == {"local.machine.z-h100x8-0", "local.machine.z-h100x8-1"}
    assert needs["local.endpoint.chat"] == {f"local.replica.chat-{i}" for i in range(3)}


def test_a_launcher_gets_settings_of_its_own_kind_only() -> None:
    """A server hears nothing of ZeRO, a job nothing of sequences at once."""
    settings = {str(r.address): r.attributes.get("settings") for r in resources()}
    serve, train = settings["local.replica.chat-0"], settings["local.job.job-0"]

    assert isinstance(serve, dict)
    assert isinstance(train, dict)
    assert serve["max_sequences"] == 32
    assert "zero" not in str(serve)
    assert train["global_batch"] == 64


def test_machines_are_paid_for_by_those_who_take_them() -> None:
    """Whole machines are their workload's own; the shares of all workloads add up to the whole bill."""
    report = SolverReport(solver="s", status="optimal", objective_usd=0, bound_usd=0, gap=0, seed=0, wall_s=0)
    solution = Solution(
        allotments=allotments_of(ASSIGNMENT),
        pools=(PoolUse(pool=POOL, machines=3),),
        usd_per_h=30.0,
        report=report,
    )
    pool = Pool(
        id=POOL, provider="local", region="r", zone="z", machine="h100x8", accelerator="H100", devices=8,
        machines=9, usd_per_h=10.0,
    )  # fmt: skip

    costs = usd_per_h_of(solution, CANDIDATES, {POOL: pool})

    assert costs == {"chat": 10.0, "job": 20.0}
    assert usd_for_job(costs["job"], JOB) == 2000.0
    assert usd_for_job(costs["chat"], CHAT) is None


def test_a_unit_is_started_with_both_layouts() -> None:
    """Settings hold the decode layout as any replica's, and beside it the prefill workers and both counts."""
    unit = replace(
        CHAT,
        devices=8,
        layout=Layout(tensor=4),
        prefill=PrefillWorkers(
            layout=Layout(tensor=2), devices=2, workers=2, decode_workers=1, decode_devices=4
        ),
    )
    [chat, _] = DEMAND.workloads
    settings, plain = settings_of(chat, unit), settings_of(chat, CHAT)
    sizes = {"pipeline": 1, "data": 1, "expert": 1, "context": 1}

    assert settings["layout"] == {"tensor": 4, **sizes}
    assert settings["workers"] == 1
    assert settings["prefill"] == {"layout": {"tensor": 2, **sizes}, "workers": 2}
    assert not {"workers", "prefill"} & set(plain)


OTHER = "z/b/h200x8"
MACHINES = PrefillMachines(machine="h200x8", accelerator="H200", devices=4, machines=0, pools=(OTHER,))
UNIT = replace(
    CHAT,
    prefill=PrefillWorkers(layout=Layout(tensor=2), devices=2, workers=2, decode_workers=1, decode_devices=2),
    beside=MACHINES,
)
MIXED = Assignment(
    machines=(MachineSlot(name="z-h100x8-2", pool=POOL), MachineSlot(name="z-h200x8-0", pool=OTHER)),
    replicas=tuple(
        replace(
            ASSIGNMENT.replicas[i],
            beside_machines=("z-h200x8-0",),
            beside_devices=tuple(range(4 * i, 4 * i + 4)),
        )
        for i in range(2)
    ),
)


def test_a_unit_on_two_types_of_machines_is_read_back_as_it_was() -> None:
    """It needs both machines, says which devices compute its prompts, and is known again by both pools."""
    offerings = {POOL: OFFERING, OTHER: replace(OFFERING, machine="h200x8")}
    elsewhere = replace(UNIT, id=told_apart(UNIT.id, "x"), beside=replace(MACHINES, pools=("x",)))
    placement = lower(DEMAND, {UNIT.id: UNIT}, MIXED, offerings)["local"]
    lowered = to_resources(placement, provider="local", machine_kind="machine", kinds=KINDS)
    back = assignment_of(lowered)
    unit = next(r for r in lowered if r.address.name == "chat-1")

    assert back == MIXED
    assert known_again(back, (elsewhere, UNIT)) == MIXED
    assert [str(need) for need in unit.needs] == ["local.machine.z-h100x8-2", "local.machine.z-h200x8-0"]
    assert unit.attributes["prefill_devices"] == [4, 5, 6, 7]
    assert beside_of(back) == (Allotment(workload="chat", choice="chat/a", pool=OTHER, replicas=2),)


def test_a_unit_on_two_types_of_machines_pays_for_both() -> None:
    """Idle devices of either pool are paid for by those who share it."""
    report = SolverReport(solver="s", status="optimal", objective_usd=0, bound_usd=0, gap=0, seed=0, wall_s=0)
    solution = Solution(
        allotments=allotments_of(MIXED),
        beside=beside_of(MIXED),
        pools=(PoolUse(pool=POOL, machines=1), PoolUse(pool=OTHER, machines=1)),
        usd_per_h=17.0,
        report=report,
    )
    pools = {
        name: Pool(
            id=name, provider="local", region="r", zone="z", machine="m", accelerator="H", devices=8,
            machines=9, usd_per_h=price,
        )
        for name, price in ((POOL, 10.0), (OTHER, 7.0))
    }  # fmt: skip

    assert usd_per_h_of(solution, {UNIT.id: UNIT}, pools) == {"chat": 17.0}


def test_what_an_earlier_version_made_is_left_alone() -> None:
    """Replicas without a word on where prompts are computed are as those that have none elsewhere."""
    now = {r.address: r for r in resources()}
    earlier = {
        address: replace(
            r, attributes={k: v for k, v in r.attributes.items() if not k.startswith("prefill_")}
        )
        for address, r in now.items()
    }
    kinds = {("local", name): kind for name, kind in KINDS.items()}

    assert any("prefill_machines" in r.attributes for r in now.values())
    assert diff(earlier, ResourceGraph.of(now.values()), kinds).changes == ()
