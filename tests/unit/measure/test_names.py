"""A driver's names become the catalogue's, and nothing else does."""

from __future__ import annotations

import pytest

from dcplan.measure.names import accelerator_name, datasheet, spellings_of


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("NVIDIA H200", "H200"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA A100-SXM4-80GB", "A100-80"),
        ("NVIDIA A100-SXM4-40GB", "A100-40"),
        ("NVIDIA L4", "L4"),
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA A10G", "A10G"),
        ("NVIDIA B200", "B200"),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX-PRO-6000"),
        ("AMD Instinct MI300X", "MI300X"),
        ("AMD Instinct MI325X OAM", "MI325X"),
    ],
)
def test_what_the_catalogue_has_gets_its_name(said: str, expected: str) -> None:
    """The names are those of torch.cuda.get_device_name."""
    assert accelerator_name(said, "cuda") == expected
    assert datasheet(expected) is not None


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("NVIDIA H100 PCIe", "H100-PCIe"),
        ("NVIDIA H100 NVL", "H100-NVL"),
        ("NVIDIA H200 NVL", "H200-NVL"),
        ("NVIDIA GeForce RTX 4090", "RTX-4090"),
        ("Tesla V100-SXM2-32GB", "V100-32GB"),
    ],
)
def test_a_slower_board_does_not_get_the_name_of_a_faster_one(said: str, expected: str) -> None:
    """PCIe and NVL boards have other peaks than the module of their name; strangers keep a clean name."""
    assert accelerator_name(said, "cuda") == expected
    assert datasheet(expected) is None


def test_without_the_catalogue_the_name_is_one_that_it_knows() -> None:
    """Where nothing of ours is installed, the second spelling is used."""
    assert spellings_of("NVIDIA H100 80GB HBM3")[1] == "H100-80GB"
    assert spellings_of("NVIDIA H200")[1] == "H200"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Intel(R) Xeon(R) CPU @ 2.20GHz", "Intel Xeon"),
        ("Intel(R) Xeon(R) Platinum 8481C CPU @ 2.70GHz", "Intel Xeon Platinum 8481C"),
        ("AMD EPYC 9B14", "AMD EPYC 9B14"),
        ("", "CPU"),
    ],
)
def test_a_processor_keeps_its_model_name(said: str, expected: str) -> None:
    """Marks and clock rate go."""
    assert accelerator_name(said, "cpu") == expected
