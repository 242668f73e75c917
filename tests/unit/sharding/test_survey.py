"""Going through training layouts: what is found is what trying each of them would find."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dcplan.basis import Basis
from dcplan.catalog import load_accelerators, load_catalog_model, load_machines
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.perf.memory import runtime_bytes
from dcplan.perf.numbers import Array, total
from dcplan.perf.training import Jobs, step_parts
from dcplan.perf.training_memory import training_memory
from dcplan.sharding import bound
from dcplan.sharding.enumerate import BLOCK, layout_blocks, legal_splits
from dcplan.sharding.question import TrainingQuestion, look
from dcplan.sharding.space import device_counts, divisors, whole_space
from dcplan.sharding.survey import LEVELS, Wanted, survey
from dcplan.sharding.types import MachineClass
from dcplan.topology.types import Link, PoolLinks

TABLE = load_efficiencies()
CASES = [("llama-3.1-8b", 24, 48), ("llama-3.1-70b", 48, 96), ("gpt-oss-20b", 16, 32)]


def machines_named(name: str = "p5.48xlarge", count: int | None = None) -> MachineClass:
    """Machines of one type behind their usual links."""
    machine = load_machines("aws")[name]
    chip = load_accelerators()[machine.accelerator]
    inside = Link(bytes_per_s=chip.scale_up_bytes_per_s, latency_s=2e-6, basis=Basis.ASSUMED)
    outside = Link(bytes_per_s=5e10, latency_s=2e-5, basis=Basis.ASSUMED)
    links = PoolLinks(pool=name, scale_up_domain=machine.scale_up_domain, scale_up=inside, scale_out=outside)
    return MachineClass(machine=machine, accelerator=chip, links=links, pools=(name,), machines=count)


def question(name: str, devices: int, batch: int) -> TrainingQuestion:
    """A model on so many H100s."""
    model = load_catalog_model(name)
    assert model is not None
    return TrainingQuestion(
        model=model,
        machines=machines_named(),
        devices=devices,
        sequence_tokens=4096,
        global_batch_sequences=batch,
        beyond_software=True,
    )


def seconds_of(job: Jobs) -> Array:
    """The step time of each layout."""
    return np.broadcast_to(np.asarray(total(step_parts(job))), (len(job.layouts),))


@pytest.mark.parametrize(("name", "devices", "batch"), CASES)
def test_no_layout_is_faster_than_its_lower_bound(
    name: str, devices: int, batch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound never exceeds the step time, whatever the layout, and is near it for half of them."""
    monkeypatch.setattr(bound, "WORTH", 0)
    asked = question(name, devices, batch)
    job, _ = look(asked, TABLE, Wanted())
    splits, fallen = legal_splits(asked.shape, asked.space({}))
    for block in layout_blocks(splits, asked.shape, asked.space({}), fallen):
        least = bound.least_s(job, block.layouts, block.split)
        assert least is not None
        reached = least / seconds_of(replace(job, layouts=block.layouts))

        assert reached.max() <= 1 + 1e-9
        assert np.median(reached) > 0.5


@pytest.mark.parametrize(("name", "devices", "batch"), CASES)
def test_the_bound_saves_time_and_changes_nothing(name: str, devices: int, batch: int) -> None:
    """The front and the best splits are the same with and without the bound, which evaluates less."""
    asked = question(name, devices, batch)
    (_, with_bound), (_, without) = (look(asked, TABLE, Wanted(top=5, bounded=b)) for b in (True, False))

    assert list(with_bound.front.seconds) == list(without.front.seconds)
    assert list(with_bound.splits.seconds[:5]) == list(without.splits.seconds[:5])
    assert with_bound.evaluated < without.evaluated == without.fit == with_bound.fit


def test_the_front_is_what_trying_everything_finds() -> None:
    """In each eighth of the memory the fastest layout is kept, unless less memory is as fast."""
    asked = question("llama-3.1-8b", 8, 16)
    job, found = look(asked, TABLE, Wanted(top=1))
    splits, fallen = legal_splits(asked.shape, asked.space({}))
    best = np.full(LEVELS, np.inf)
    for block in layout_blocks(splits, asked.shape, asked.space({}), fallen):
        jobs = replace(job, layouts=block.layouts)
        needed = training_memory(
            jobs.parameters, jobs.layouts, jobs.framework, jobs.sequence, jobs.micro_batches
        )
        share = (needed.total_bytes + runtime_bytes(job.device)) / job.device.memory_bytes
        for seconds, level in zip(seconds_of(jobs), np.ceil(share * LEVELS).astype(int), strict=True):
            if level <= LEVELS:
                best[level - 1] = min(best[level - 1], seconds)
    kept = [best[i] for i in range(LEVELS) if best[i] < best[:i].min(initial=np.inf)]

    assert list(found.front.seconds) == sorted(kept)
    assert found.splits.seconds[0] == min(kept)
    assert len(kept) > 1


def test_every_layout_is_counted_once() -> None:
    """Legal layouts are those of all blocks, and what is considered is these and the splits that fell."""
    asked = question("qwen3-235b-a22b", 16, 32)
    space = asked.space({})
    splits, fallen = legal_splits(asked.shape, space)
    blocks = list(layout_blocks(splits, asked.shape, space, fallen))
    _, found = look(asked, TABLE, Wanted())

    assert found.legal == sum(len(block.layouts) for block in blocks)
    assert found.considered == found.legal + sum(fallen.values())
    assert found.fallen == fallen
    whole = np.concatenate(
        [
            np.stack([getattr(b.layouts, n) for n in ("tensor", "pipeline", "data", "context")])
            for b in blocks
        ],
        axis=1,
    )
    assert set(np.prod(whole, axis=0)) == {16.0}


def test_no_layout_is_listed_twice() -> None:
    """All layouts of a space differ in something."""
    asked = question("llama-3.1-8b", 8, 16)
    splits, fallen = legal_splits(asked.shape, asked.space({}))
    seen = [
        tuple(float(getattr(b.layouts, name)[i]) for name in b.layouts.__slots__)
        for b in layout_blocks(splits, asked.shape, asked.space({}), fallen)
        for i in range(len(b.layouts))
    ]

    assert len(seen) == len(set(seen))


def test_pipelines_need_not_be_powers_of_two() -> None:
    """On 48 devices there are pipelines of 3, 6 and 12 stages, although 3 does not divide 80 layers."""
    asked = question("llama-3.1-70b", 48, 96)
    splits, _ = legal_splits(asked.shape, asked.space({}))

    assert {3, 6, 12, 24, 48} <= {int(p) for p in splits.pipeline}


def test_a_limit_counts_what_is_late() -> None:
    """With a limit below the fastest step all that fit are late, without one none."""
    asked = question("llama-3.1-8b", 8, 16)
    job, found = look(asked, TABLE, Wanted())
    domain = asked.machines.links.scale_up_domain
    space = whole_space(asked.shape, 8, domain, "")
    fastest = float(found.front.seconds.min())
    late = survey(job, asked.shape, space, Wanted(limit_s=fastest * 0.9, bounded=False))

    assert found.late == 0
    assert late.late == late.fit > 0


def test_blocks_keep_memory_bounded() -> None:
    """However many layouts there are, they come in blocks of about one size."""
    asked = question("llama-3.1-8b", 256, 1536)
    space = asked.space({})
    splits, fallen = legal_splits(asked.shape, space)
    sizes = [len(b.layouts) for b in layout_blocks(splits, asked.shape, space, fallen)]

    assert max(sizes) <= 2 * BLOCK < sum(sizes)


def test_device_counts_do_not_depend_on_how_many_there_are() -> None:
    """Counts up to 16 machines are the first of those up to 32."""
    few, many = (device_counts(machines_named(count=n), 512) for n in (16, 32))

    assert few == many[: len(few)]
    assert {1, 2, 4, 8, 24, 48, 56} <= set(few)


def test_far_counts_are_those_that_the_batch_divides() -> None:
    """Beyond 128 machines of eight only odd parts that divide the batch are looked at."""
    counts = device_counts(machines_named(count=400), 480)

    assert {1024 + 8 * n for n in range(1, 200)} & set(counts) == {1280, 1536, 1920, 2048, 2560}


def test_divisors_come_in_order() -> None:
    """All divisors, up to a limit."""
    assert divisors(12) == (1, 2, 3, 4, 6, 12)
    assert divisors(96, 10) == (1, 2, 3, 4, 6, 8)
