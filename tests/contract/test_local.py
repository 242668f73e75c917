"""The local data centre keeps what every provider promises."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.provider import MachineGroup, Placement, Provider, ReplicaSpec, WorkloadSpec
from dcplan.provider.contract import ProviderContract
from dcplan.provider.local import Fault, FaultKind, LocalProvider, LocalWorld, provider

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from dcplan.resources import JsonValue

INVENTORY = """
name: hamburg
region: eu-north
date: 2025-11-01
machines:
  h100x8:
    {accelerator: H100, devices: 8, vcpus: 192, memory: 2TiB, network: 3200Gbit/s, fabric: RoCE, price: $18/h}
zones:
  hall-1:
    blocks:
      a: {racks: {count: 2, machine: h100x8, nodes: 2}}
"""


class TestLocal(ProviderContract):
    """The conformance tests on a small hall."""

    updates: Mapping[str, Mapping[str, JsonValue]] = {
        "machine": {"pool": "renamed"},
        "replica": {"settings": {"max_batch": 2}},
        "endpoint": {"replicas": {"chat-0": 2}},
    }

    def make(self, folder: Path) -> Provider:
        """A handle on the hall whose world lies in ``folder``."""
        (folder / "hamburg.yaml").write_text(INVENTORY)
        return provider({"datacenter": "hamburg.yaml"}, folder).unwrap()

    def placement(self) -> Placement:
        """A served model on one machine and a training on two."""
        return Placement(
            project="example",
            machines=(_machines("serve-0"), _machines("train-0", "train-1", gang=True)),
            workloads=(
                WorkloadSpec(
                    name="chat",
                    kind="serve",
                    replicas=(
                        ReplicaSpec(
                            name="chat-0", machines=("serve-0",), devices=(0, 1), settings={"max_batch": 1}
                        ),
                    ),
                ),
                WorkloadSpec(
                    name="tune",
                    kind="train",
                    replicas=(
                        ReplicaSpec(
                            name="tune",
                            machines=("train-0", "train-1"),
                            devices=tuple(range(8)),
                            settings={"layout": {"tensor": 8}},
                        ),
                    ),
                ),
            ),
        )

    def sell_out(self, provider: Provider) -> None:
        """Order a stock-out that does not pass."""
        _world_of(provider).inject(Fault(kind=FaultKind.STOCK_OUT, times=None))

    def slow_down(self, provider: Provider) -> None:
        """Order slow starts."""
        _world_of(provider).inject(Fault(kind=FaultKind.SLOW_CREATE, times=None, seconds=60))


def _machines(*names: str, gang: bool = False) -> MachineGroup:
    """Machines in the hall's only block."""
    return MachineGroup(
        pool="hall-1/a/h100x8",
        machine="h100x8",
        region="eu-north",
        zone="hall-1",
        block="a",
        purchase="owned",
        names=names,
        gang=gang,
    )


def _world_of(provider: Provider) -> LocalWorld:
    """Where the machines of a local provider exist."""
    assert isinstance(provider, LocalProvider)
    return provider.world
