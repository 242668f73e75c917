"""Parts of GPUs are accelerators with their share of everything, and with no links."""

from __future__ import annotations

import pytest

from dcplan.catalog.efficiency import load_efficiencies
from dcplan.catalog.load import canonical_accelerator, load_accelerators
from dcplan.catalog.partitions import load_partitions, partitions, profiles_of


def test_a_part_has_its_share() -> None:
    """Three sevenths of the arithmetic and half of the memory of an H100, as NVIDIA's guide says."""
    whole, part = load_accelerators()["H100"], load_partitions()["H100/3g.40gb"]

    assert part.bf16_flops == pytest.approx(whole.bf16_flops * 3 / 7)
    assert part.memory_bytes == whole.memory_bytes // 2
    assert part.memory_bytes_per_s == whole.memory_bytes_per_s / 2
    assert part.scale_up_domain == 1
    assert part.is_part
    assert not whole.is_part


@pytest.mark.parametrize("name", sorted(partitions()))
def test_parts_of_one_gpu_are_no_more_than_it_has(name: str) -> None:
    """All parts together stay within the GPU, and the memory in the name is about what a part has."""
    part = partitions()[name]
    accelerator = load_partitions()[name]
    label_gb = float(part.profile.split(".")[1].removesuffix("gb"))

    assert part.count * part.sevenths <= 7
    assert part.count * part.eighths <= 8
    assert accelerator.memory_bytes / 1e9 == pytest.approx(label_gb, rel=0.1)


def test_any_spelling_names_a_part() -> None:
    """Aliases and cases of the GPU are understood; profiles that it does not have are not."""
    assert canonical_accelerator("h100-SXM/3G.40gb") == "H100/3g.40gb"
    assert canonical_accelerator("H100/3g.41gb") is None
    assert canonical_accelerator("L4/1g.10gb") is None
    assert set(profiles_of("h200-141gb")) >= {"1g.18gb", "7g.141gb"}
    assert profiles_of("L40S") == {}


def test_a_part_reaches_what_its_gpu_reaches() -> None:
    """Its figures are those of the GPU, not those of an unknown one."""
    table = load_efficiencies()
    whole, part = load_accelerators()["H100"], load_partitions()["H100/3g.40gb"]

    assert table.of(part, "vllm").figures == table.of(whole, "vllm").figures
    assert table.profile(part.name, "vllm", "fp8", "tpot") == table.profile("H100", "vllm", "fp8", "tpot")
