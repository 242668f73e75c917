"""Layouts of a serving replica: which there are, and which the model's parts allow."""

from __future__ import annotations

import pytest

from dcplan.basis import Basis
from dcplan.catalog import load_accelerators, load_catalog_model, load_machines
from dcplan.catalog.formats import formats
from dcplan.perf.types import Layout
from dcplan.sharding.enumerate_serving import serving_layouts
from dcplan.sharding.types import MachineClass
from dcplan.topology.types import Link, PoolLinks

CHIPS = load_accelerators()
MACHINES = {**load_machines("aws"), **load_machines("gcp")}


def machines_of(name: str, count: int | None) -> MachineClass:
    """So many machines of a type."""
    machine = MACHINES[name]
    link = Link(bytes_per_s=1e11, latency_s=1e-6, basis=Basis.ASSUMED)
    links = PoolLinks(pool=name, scale_up_domain=machine.scale_up_domain, scale_up=link, scale_out=link)
    chip = CHIPS[machine.accelerator]
    return MachineClass(machine=machine, accelerator=chip, links=links, pools=(name,), machines=count)


def layouts(
    model: str,
    name: str = "p5.48xlarge",
    count: int | None = 1,
    form: str = "fp8",
    *,
    pipelines: bool = False,
    devices: int | None = None,
) -> set[Layout]:
    """The legal layouts."""
    here = load_catalog_model(model)
    if here is None:
        raise LookupError(model)
    found = serving_layouts(
        here, machines_of(name, count), formats()[form], pipelines=pipelines, devices=devices
    )
    return {found.layouts.one(int(i)) for i in found.legal.nonzero()[0]}


def test_a_dense_model_has_tensor_groups_and_behind_slow_links_stages() -> None:
    """Groups of 8, 4, 2, 1, never copies of attention; behind PCIe each part of a machine as stages, too."""
    fast, slow = (
        {(one.tensor, one.pipeline, one.data) for one in layouts("llama-3.1-70b", name)}
        for name in ("p5.48xlarge", "g6.48xlarge")
    )

    assert fast == {(8, 1, 1), (4, 1, 1), (2, 1, 1), (1, 1, 1)}
    assert slow - fast == {(4, 2, 1), (2, 4, 1), (1, 8, 1), (2, 2, 1), (1, 4, 1), (1, 2, 1)}


def test_experts_and_copies_of_attention_share_a_stage() -> None:
    """With experts attention is cut in any part of a stage, and experts take all of it."""
    found = layouts("deepseek-v3")
    wide = {
        (one.tensor, one.data, one.expert, one.expert_tensor) for one in found if one.tensor * one.data == 8
    }

    assert {(8, 1, 8, 1), (1, 8, 8, 1), (2, 4, 4, 2), (8, 1, 1, 8)} <= wide
    assert all(expert * pieces == 8 for _, _, expert, pieces in wide)


def test_experts_reach_over_machines_and_attention_does_not() -> None:
    """On eight machines experts are spread over 64 devices while attention stays in a machine."""
    found = layouts("deepseek-v3", count=8)

    assert max(one.tensor * one.data for one in found) == 64
    assert max(one.tensor for one in found) == 8


def test_pipelines_over_machines_only_when_asked_for() -> None:
    """A model that fits in a machine is not stretched over several."""
    near, far = (
        {one.tensor * one.pipeline for one in layouts("llama-3.1-70b", count=4, pipelines=asked)}
        for asked in (False, True)
    )

    assert max(near) == 8
    assert far - near == {16, 24, 32}


@pytest.mark.parametrize("devices", [1, 4, 24])
def test_asked_for_so_many_devices_replicas_fill_them(devices: int) -> None:
    """Sizes of replicas divide the devices that there are."""
    found = layouts("qwen3-235b-a22b", count=3, pipelines=True, devices=devices)

    assert found
    assert all(devices % (one.tensor * one.data * one.pipeline) == 0 for one in found)


def test_blocks_that_share_a_scale_are_not_cut_through() -> None:
    """Qwen3-235B's experts are 1,536 wide: in eight pieces of 192 no block of 128 is whole."""
    plain, blocks = (
        {one.expert_tensor for one in layouts("qwen3-235b-a22b", form=form)} for form in ("fp8", "fp8-block")
    )

    assert 8 in plain
    assert blocks == {1, 2, 4}
