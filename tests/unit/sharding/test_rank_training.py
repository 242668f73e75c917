"""The best training layouts on exactly so many accelerators, and why there are none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dcplan.basis import Basis
from dcplan.catalog import load_accelerators, load_catalog_model, load_machines
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.sharding.question import TrainingQuestion
from dcplan.sharding.rank_training import TrainingRanking, best_training_layouts
from dcplan.sharding.types import MachineClass
from dcplan.topology.types import Link, PoolLinks

if TYPE_CHECKING:
    from dcplan.diag import Diagnostic

TABLE = load_efficiencies()


def links_of(domain: int, *, inside: float = 4.5e11, outside: float = 5e10) -> PoolLinks:
    """Links of a pool."""
    up = Link(bytes_per_s=inside, latency_s=2e-6, basis=Basis.ASSUMED)
    out = Link(bytes_per_s=outside, latency_s=2e-5, basis=Basis.ASSUMED)
    return PoolLinks(pool="pool", scale_up_domain=domain, scale_up=up, scale_out=out)


def asked(name: str = "llama-3.1-8b", devices: int = 16, batch: int = 64) -> TrainingQuestion:
    """A model on H100s in machines of eight."""
    model, machine = load_catalog_model(name), load_machines("aws")["p5.48xlarge"]
    assert model is not None
    chip = load_accelerators()[machine.accelerator]
    pools = MachineClass(machine=machine, accelerator=chip, links=links_of(8), pools=("pool",), machines=None)
    return TrainingQuestion(
        model=model,
        machines=pools,
        devices=devices,
        sequence_tokens=8192,
        global_batch_sequences=batch,
    )


def ranked(question: TrainingQuestion, top: int = 5) -> TrainingRanking:
    """The ranking of a question that has one."""
    return best_training_layouts(question, TABLE, top).unwrap()


def refused(question: TrainingQuestion, top: int = 5) -> tuple[Diagnostic, ...]:
    """Why a question has no ranking."""
    result = best_training_layouts(question, TABLE, top)
    assert result.value is None
    return result.diagnostics


def test_layouts_come_fastest_first_and_each_split_once() -> None:
    """All take exactly the devices, none twice, none more memory than there is."""
    found = ranked(asked())
    seconds = [one.step.step.seconds for one in found.best]
    sizes = [
        (o.layout.tensor, o.layout.pipeline, o.layout.context, o.layout.data, o.layout.expert)
        for o in found.best
    ]

    assert len(found.best) == 5
    assert seconds == sorted(seconds)
    assert {one.devices for one in found.best} == {16}
    assert len(set(sizes)) == len(sizes)
    assert all(0 < one.memory_share <= 1 for one in (*found.best, *found.front))
    assert all(0 < one.step.model_flops_utilisation < 1 for one in found.best)


def test_parts_sum_to_the_step() -> None:
    """What a layout is told with adds up."""
    for one in ranked(asked()).best:
        step = one.step.step

        assert sum(part.seconds for part in step.parts) == pytest.approx(step.seconds)
        assert one.step.tokens_per_s == pytest.approx(64 * 8192 / step.seconds)


def test_the_front_pays_for_memory_with_time() -> None:
    """Along the front less memory takes longer, and its fastest is the best of all."""
    found = ranked(asked())
    shares = [one.memory_share for one in found.front]

    assert shares == sorted(shares, reverse=True)
    assert found.front[0].step.step.seconds == found.best[0].step.step.seconds


def test_the_tally_has_every_layout() -> None:
    """Considered are those dropped for a reason and those that remain."""
    search = ranked(asked()).search

    assert search.considered == sum(count for _, count in search.dropped) + search.remain
    assert search.remain == 5


def test_pins_are_kept() -> None:
    """Only what was asked for is ranked, and it is no faster than the best of all."""
    pins = {"tensor": (2, 4), "recompute": ("full",), "micro_batch": (1,)}
    pinned = ranked(replace(asked(), pins=pins))

    assert {one.layout.tensor for one in pinned.best} <= {2, 4}
    assert {(o.layout.recompute, o.layout.micro_batch) for o in pinned.best} == {("full", 1)}
    assert pinned.best[0].step.step.seconds >= ranked(asked()).best[0].step.step.seconds


def test_frameworks_are_only_told_what_they_can_run() -> None:
    """Megatron has no zero bubble; asked beyond it, no answer is slower than its own."""
    own = ranked(asked("llama-3.1-70b", 64), 20)
    beyond = ranked(replace(asked("llama-3.1-70b", 64), beyond_software=True), 20)

    assert {one.layout.schedule for one in own.best} == {"1f1b"}
    assert beyond.search.considered > own.search.considered
    assert beyond.best[0].step.step.seconds <= own.best[0].step.step.seconds


def test_a_tensor_size_that_heads_forbid_is_told_with_those_that_go() -> None:
    """64 ranks do not split 32 heads; the sizes that do are listed."""
    (problem,) = refused(replace(asked(devices=64), pins={"tensor": (64,)}))

    assert problem.code == "no-layout"
    assert problem.summary == "No layout is legal"
    assert "heads do not split" in problem.detail
    assert "tensor may be tp1, tp2, tp4, tp8, tp16 or tp32" in problem.detail


def test_a_size_that_does_not_fill_the_devices_is_told() -> None:
    """Groups of five do not make 16."""
    (problem,) = refused(replace(asked(), pins={"tensor": (5,)}))

    assert "No such groups fill it" in problem.detail
    assert "tensor may be" in problem.detail


def test_a_batch_that_nothing_divides_is_told() -> None:
    """Seven sequences, a whole pipeline less: eight data ranks have nothing to share out evenly."""
    (problem,) = refused(replace(asked(devices=8, batch=7), pins={"data": (8,)}))

    assert "the batch does not split" in problem.detail


@pytest.mark.parametrize(
    ("pins", "said"),
    [
        ({"tensr": (2,)}, 'Did you mean "tensor"?'),
        ({"zero": (4,)}, "It is 0, 1, 2 or 3."),
        ({"recompute": ("ful",)}, 'Did you mean "full"?'),
        ({"tensor": (0,)}, "1 or more"),
        ({"tensor": (True,)}, "1 or more"),
        ({"pipeline": ()}, "No value is allowed for pipeline"),
    ],
)
def test_a_pin_that_is_none_is_told(pins: dict[str, tuple[int | str, ...]], said: str) -> None:
    """Fields and values that a layout does not have are errors with a hint."""
    (problem,) = refused(replace(asked(), pins=pins))

    assert problem.code == "unknown-layout"
    assert said in problem.detail


def test_all_wrong_sizes_are_told_at_once() -> None:
    """Twelve devices of machines of eight, no batch, no rows: three errors."""
    problems = refused(replace(asked(devices=12), global_batch_sequences=0), 0)

    assert [p.code for p in problems] == ["wrong-size"] * 3
    assert any("Ask for 8 or 16." in p.detail for p in problems)


def test_more_devices_than_there_are_is_told() -> None:
    """Two machines have 16 devices, not 64."""
    question = asked(devices=64)
    (problem,) = refused(replace(question, machines=replace(question.machines, machines=2)))

    assert "only 16 together" in problem.detail


def test_a_model_that_does_not_fit_is_told_with_where_it_does() -> None:
    """405 B parameters do not train on eight H100s; on the number that is told they do, and on no fewer."""
    question = asked("llama-3.1-405b", 8)
    (problem,) = refused(question)
    fits = int(problem.detail.rpartition("It fits on ")[2].partition(" ")[0].replace(",", ""))
    fewer = [
        best_training_layouts(replace(question, devices=devices), TABLE, 1) for devices in range(16, fits, 8)
    ]

    assert problem.summary == "The model does not fit"
    assert "short" in problem.detail
    assert best_training_layouts(replace(question, devices=fits), TABLE, 1).ok
    assert not any(one.ok for one in fewer)
    assert fits & (fits - 1)


def test_a_peak_that_nobody_knows_is_an_error_and_no_number() -> None:
    """Without a dense fp8 peak of the chip, fp8 is refused; without bf16 everything is."""
    question = asked()
    chip = replace(question.machines.accelerator, fp8_flops=None)
    blind = replace(question, machines=replace(question.machines, accelerator=chip), precision="fp8")
    (problem,) = refused(blind)
    bare = replace(blind.machines, accelerator=replace(chip, bf16_flops=None))

    assert problem.code == "missing-hardware-fact"
    assert "fp8" in problem.detail
    assert [p.code for p in refused(replace(question, machines=bare))] == ["missing-hardware-fact"]


def test_a_network_that_nobody_knows_is_an_error_only_where_it_is_used() -> None:
    """Sixteen devices need the network between machines, eight do not."""
    question = asked()
    blind = replace(question.machines, links=links_of(8, outside=0.0))
    (problem,) = refused(replace(question, machines=blind))

    assert problem.code == "missing-hardware-fact"
    assert "network bandwidth" in problem.detail
    assert best_training_layouts(replace(question, machines=blind, devices=8), TABLE, 1).ok


def test_an_unknown_precision_is_told_with_the_nearest() -> None:
    """A misspelt precision is an error."""
    (problem,) = refused(replace(asked(), precision="bf61"))

    assert problem.code == "unknown-precision"


def test_experts_may_be_dealt_out_and_cut() -> None:
    """Among the layouts of a model with experts there are those that deal experts out over ranks."""
    found = ranked(replace(asked("gpt-oss-20b", 16), pins={"expert": (8,), "expert_tensor": (2,)}))

    assert {(o.layout.expert, o.layout.expert_tensor) for o in found.best} == {(8, 2)}


def test_sequences_beyond_the_context_are_warned_of() -> None:
    """The layouts come all the same, with a warning."""
    short = replace(asked().model, max_context=4096)
    result = best_training_layouts(replace(asked(), model=short), TABLE, 1)

    assert result.ok
    assert [d.code for d in result.diagnostics] == ["sequence-beyond-context"]
    assert best_training_layouts(asked(), TABLE, 1).diagnostics == ()


def test_a_spelled_layout_that_does_not_fit_is_told_what_it_lacks() -> None:
    """With all sizes pinned there is no other number of devices to propose."""
    pins = dict.fromkeys(("tensor", "pipeline", "context"), (1,)) | {"data": (8,)}
    (problem,) = refused(replace(asked("llama-3.1-70b", 8), pins=pins))

    assert problem.summary == "The model does not fit"
    assert "Pin less" in problem.detail
    assert "either" not in problem.detail
