"""What machines of each family must be given at launch: network cards, boot disks, images.  Data, not code.

Sources: Compute Engine documentation, "GPU machine types" and "Networking and GPU machines"; AI Hypercomputer
documentation, "Create an A3 Mega / A3 Ultra / A4 / A4X instance" (all read 2026-06); Google's cluster-toolkit
(2026-06-25); Cloud TPU documentation, "Create TPU instances on Compute Engine" (2026-08).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.diag import listed
from dcplan.provider.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

GVNIC, MRDMA, IDPF = "GVNIC", "MRDMA", "IDPF"

SYSTEM_MTU = 8896
"""Of the networks that all machines share."""

TCPX_MTU = 8244
"""Of networks for GPUDirect-TCPX and -TCPXO."""

_GPU_IMAGES = "projects/ubuntu-os-accelerator-images/global/images/family"
X86 = f"{_GPU_IMAGES}/ubuntu-accelerator-2404-amd64-with-nvidia-580"
ARM = f"{_GPU_IMAGES}/ubuntu-accelerator-2404-arm64-with-nvidia-580"
TPU = f"{_GPU_IMAGES}/ubuntu-accel-2204-amd64-tpu-v5e-v5p-v6e"


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """How the machines whose names begin alike are launched."""

    system_nics: int = 1
    """Cards in networks that all share; the second one has a network of its own."""
    system_nic: str = GVNIC
    gpu_vpcs: int = 0
    """Networks with one card of each machine, for GPUDirect-TCPX and -TCPXO."""
    rdma_subnets: int = 0
    """Cards in subnets of one network with the RoCE profile of the zone."""
    disk: str = "pd-balanced"
    image: str = X86
    compact: bool = True
    """Whether a compact placement policy may be put on its machines."""
    topology: str | None = None
    """Of the workload policy that its gangs need instead."""
    slices: str | None = None
    """The accelerator whose slices a managed instance group can make: that topology is the gang's shape."""
    only_reserved: bool = False
    """Whether it is had by reservation alone."""
    tpu: bool = False


_HYPERDISK = "hyperdisk-balanced"

FAMILIES: Mapping[str, Family] = {
    "a2-": Family(),
    "g2-": Family(),
    "g4-": Family(disk=_HYPERDISK),
    "a3-highgpu-8g": Family(gpu_vpcs=4, disk="pd-ssd"),
    "a3-highgpu-": Family(disk="pd-ssd"),
    "a3-edgegpu-8g": Family(disk="pd-ssd"),
    "a3-megagpu-8g": Family(gpu_vpcs=8, disk="pd-ssd"),
    "a3-ultragpu-8g": Family(system_nics=2, rdma_subnets=8, disk=_HYPERDISK),
    "a4-highgpu-8g": Family(system_nics=2, rdma_subnets=8, disk=_HYPERDISK),
    "a4x-highgpu-4g": Family(
        system_nics=2,
        rdma_subnets=4,
        disk=_HYPERDISK,
        image=ARM,
        compact=False,
        topology="1x72",
        only_reserved=True,
    ),
    "a4x-maxgpu-4g-metal": Family(
        system_nics=2,
        system_nic=IDPF,
        rdma_subnets=8,
        disk=_HYPERDISK,
        image=ARM,
        compact=False,
        topology="1x72",
        only_reserved=True,
    ),
    "ct5lp-": Family(disk="pd-balanced", image=TPU, compact=False, tpu=True),
    "ct5p-": Family(disk="pd-balanced", image=TPU, compact=False, tpu=True, slices="TPU-v5p"),
    "ct6e-": Family(disk=_HYPERDISK, image=TPU, compact=False, tpu=True, slices="TPU-v6e"),
    "tpu7x-": Family(disk=_HYPERDISK, image=TPU, compact=False, tpu=True, slices="TPU7x"),
}
"""By the beginning of the machine type; the longest that fits counts."""

COMPUTE_TPU = "tpu7x-"
"""TPUs that only Compute Engine makes, not the TPU API."""


def family_of(machine: str) -> Family:
    """How a machine type is launched; ``Invalid`` for one of no known family."""
    fitting = [name for name in FAMILIES if machine.startswith(name)]
    if not fitting:
        msg = f"dcplan-gcp cannot launch {machine}: it knows {listed(sorted(FAMILIES))}."
        raise Invalid(msg)
    return FAMILIES[max(fitting, key=len)]


def topology_of(machine: str, hosts: int) -> str | None:
    """The topology in the workload policy of a gang of so many; None where it needs no such policy.

    That of a slice is its shape in chips; ``Invalid`` for a number of hosts that is no slice.
    """
    family, chips = family_of(machine), re.search(r"-(\d+)t$", machine)
    if family.slices is None or chips is None:
        return family.topology
    from dcplan.catalog.slices import load_slices, text_of_shape  # noqa: PLC0415 - it reads files

    shape = load_slices()[family.slices].shape_of(hosts * int(chips[1]))
    if shape is None:
        msg = f"There is no slice of {hosts} {machine}."
        raise Invalid(msg)
    return text_of_shape(shape)
