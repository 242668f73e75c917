"""The laws that our own data files obey."""

from __future__ import annotations

import re
from typing import Any

import pytest

from dcplan.catalog import (
    AcceleratorKind,
    Offering,
    Purchase,
    canonical_accelerator,
    catalog_providers,
    load_accelerators,
    load_machines,
    load_offerings,
)
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.catalog.load import read_data

REQUIRED = [
    "A100-40",
    "A100-80",
    "H100",
    "H200",
    "B200",
    "B300",
    "GB200",
    "GB300",
    "L4",
    "L40S",
    "A10G",
    "RTX-PRO-6000",
    "MI300X",
    "MI325X",
    "Trainium1",
    "Trainium2",
    "Inferentia2",
    "TPU-v4",
    "TPU-v5e",
    "TPU-v5p",
    "TPU-v6e",
    "TPU7x",
]

PROVIDERS = ("aws", "gcp")

DATE = re.compile(r"20\d\d(-\d\d(-\d\d)?)?")

KEYS = {
    "accelerators.yaml": "aliases vendor kind memory_label memory_gib memory_gb_per_s bf16_tflops fp8_tflops "
    "fp4_tflops int8_tops scale_up scale_up_gb_per_s scale_up_domain power_w source date",
    "machines": "accelerator devices vcpus memory_gib network_gbit_per_s fabric interfaces scale_up_domain "
    "source date",
    "offerings": "zones sold_as on_demand spot no_spot source date",
}

FILES = ("accelerators.yaml", *(f"{kind}/{p}.yaml" for kind in ("machines", "offerings") for p in PROVIDERS))


def price(provider: str, machine: str, zone: str, purchase: Purchase) -> Offering:
    """The one offering of a machine in a zone and way of payment."""
    [offering] = [
        o for o in load_offerings(provider) if (o.machine, o.zone, o.purchase) == (machine, zone, purchase)
    ]
    return offering


@pytest.mark.parametrize("name", REQUIRED)
def test_accelerator_is_known_by_its_canonical_name(name: str) -> None:
    """Each accelerator that users ask for is there, and its own name is canonical."""
    assert name in load_accelerators()
    assert name == canonical_accelerator(name)


@pytest.mark.parametrize("file", FILES)
def test_every_entry_names_its_source_and_date(file: str) -> None:
    """No fact stands without where it was read and when."""
    entries: dict[str, dict[str, Any]] = read_data(file)

    assert entries
    for name, entry in entries.items():
        assert isinstance(entry["source"], str), name
        assert DATE.fullmatch(entry["date"]), name


@pytest.mark.parametrize("file", FILES)
def test_entries_have_no_key_that_nobody_reads(file: str) -> None:
    """A misspelt optional key would be a lost fact, so there is none."""
    known = set(KEYS[file.split("/", maxsplit=1)[0]].split())

    assert set() == {key for entry in read_data(file).values() for key in entry} - known


def test_usable_memory_is_at_most_the_label() -> None:
    """Plans fill what a chip has, not what its label says."""
    for name, entry in read_data("accelerators.yaml").items():
        assert entry["memory_gib"] <= entry["memory_label"], name


def test_peaks_do_not_fall_with_fewer_bits() -> None:
    """A chip that has fp8 is at least as fast in it as in bf16, and so on to fp4."""
    for accelerator in load_accelerators().values():
        peaks = [accelerator.bf16_flops, accelerator.fp8_flops, accelerator.fp4_flops]
        known = [peak for peak in peaks if peak is not None]

        assert known == sorted(known), accelerator.name


def test_scale_up_is_stated_per_direction() -> None:
    """Datasheets sum both directions; the catalogue has one (NVLink4: 900 GB/s are 450 each way)."""
    accelerators = load_accelerators()

    assert accelerators["H100"].scale_up_bytes_per_s == 450e9
    assert accelerators["TPU-v5p"].scale_up_bytes_per_s == 600e9
    assert accelerators["L4"].scale_up_bytes_per_s == 32e9


def test_traps_of_the_sources_are_mended() -> None:
    """Where a source is known to be wrong, the catalogue holds the right figure."""
    accelerators = load_accelerators()
    aws = load_machines("aws")

    assert accelerators["Trainium2"].memory_bytes == 96 * 2**30
    assert accelerators["MI325X"].memory_bytes == 256 * 2**30
    assert accelerators["RTX-PRO-6000"].memory_bytes_per_s == 1597e9
    assert accelerators["B300"].int8_flops == 153.5e12
    assert aws["p6-b200.48xlarge"].network_bytes_per_s == 400e9
    assert aws["p6-b300.48xlarge"].network_bytes_per_s == 800e9


def test_both_clouds_are_there() -> None:
    """The catalogue says itself whose machines it holds."""
    assert catalog_providers() == PROVIDERS


@pytest.mark.parametrize("provider", PROVIDERS)
def test_machines_carry_known_accelerators(provider: str) -> None:
    """A machine's accelerator is a canonical name, so no look-up can fail later."""
    accelerators = load_accelerators()
    for name, machine in load_machines(provider).items():
        assert machine.name == name
        assert machine.provider == provider
        assert machine.accelerator in accelerators, name


@pytest.mark.parametrize("provider", PROVIDERS)
def test_scale_up_domain_is_the_machine_the_rack_or_the_slice(provider: str) -> None:
    """A domain is 1 on PCIe, a machine's devices on a board, more only for NVL72 and TPU slices."""
    accelerators = load_accelerators()
    for name, machine in load_machines(provider).items():
        accelerator = accelerators[machine.accelerator]

        assert 1 <= machine.scale_up_domain <= accelerator.scale_up_domain, name
        if accelerator.scale_up_domain == 1:
            assert machine.scale_up_domain == 1, name
        elif accelerator.kind is AcceleratorKind.TPU:
            assert machine.scale_up_domain >= machine.devices, name
        else:
            assert machine.scale_up_domain in {machine.devices, 72}, name


def test_scale_up_domains_of_well_known_machines() -> None:
    """HGX boards join 8, NVL72 racks 72, TPU slices as many chips as their largest."""
    machines = load_machines("aws") | load_machines("gcp")
    domains = {
        "p5.48xlarge": 8,
        "a2-megagpu-16g": 16,
        "a4x-highgpu-4g": 72,
        "g6e.48xlarge": 1,
        "trn2.48xlarge": 16,
        "ct5lp-hightpu-4t": 256,
        "ct5lp-hightpu-1t": 1,
        "ct5p-hightpu-4t": 6144,
    }

    assert domains == {name: machines[name].scale_up_domain for name in domains}


def test_interfaces_of_well_known_machines() -> None:
    """EFA of EC2's types (32 of p5, 16 of p6-b300 on its 17 cards), GPUDirect's cards of Google's."""
    machines = load_machines("aws") | load_machines("gcp")
    transports = {
        "p5.48xlarge": "EFA, 32 interfaces",
        "p6-b300.48xlarge": "EFA, 16 interfaces",
        "p5.4xlarge": "EFA, 1 interface",
        "g5.xlarge": "TCP",
        "a3-highgpu-8g": "GPUDirect-TCPX, 4 interfaces",
        "a3-megagpu-8g": "GPUDirect-TCPXO, 8 interfaces",
        "a3-ultragpu-8g": "GPUDirect-RDMA over RoCE, 8 interfaces",
        "a2-highgpu-8g": "TCP",
    }

    assert transports == {name: machines[name].transport for name in transports}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_accelerators_reach_the_network_through_interfaces(provider: str) -> None:
    """Who has EFA or GPUDirect has interfaces for it, each of at most 800 Gbit/s; TCP and DCN have none."""
    for name, machine in load_machines(provider).items():
        if machine.fabric in {"TCP", "DCN"}:
            assert machine.interfaces is None, name
        elif machine.interfaces is not None:
            assert machine.network_bytes_per_s / machine.interfaces <= 100e9, name


@pytest.mark.parametrize("provider", PROVIDERS)
def test_offerings_are_of_known_machines(provider: str) -> None:
    """What is offered is described, and nearly all that is described is offered somewhere."""
    machines = load_machines(provider)
    offered = {offering.machine for offering in load_offerings(provider)}

    assert offered <= set(machines)
    # Of the bare-metal GB300 machine no region was found, and of CPU machines no zones were listed.
    assert set(machines) - offered <= {"a4x-maxgpu-4g-metal", "m7i.48xlarge"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_spot_costs_at_most_on_demand(provider: str) -> None:
    """A row whose spot price exceeds the list price is a wrong row."""
    offerings = load_offerings(provider)
    listed = {(o.machine, o.zone): o.usd_per_h for o in offerings if o.purchase is Purchase.ON_DEMAND}
    pairs = [
        (o.usd_per_h, listed[o.machine, o.zone])
        for o in offerings
        if o.purchase is Purchase.SPOT and o.usd_per_h is not None
    ]

    assert len(pairs) > 50
    assert all(spot <= on_demand for spot, on_demand in pairs if on_demand is not None)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_offerings_open_one_pool_each(provider: str) -> None:
    """No machine is offered twice in one zone and way of payment."""
    offerings = load_offerings(provider)

    assert len({o.pool for o in offerings}) == len(offerings)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_price_is_a_sentinel(provider: str) -> None:
    """Neither 0 nor the 700.0 that a price list uses for unknown gets in."""
    prices = {o.usd_per_h for o in load_offerings(provider)}

    assert None in prices
    assert not prices & {0.0, 700.0}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_zones_lie_in_their_regions(provider: str) -> None:
    """AWS zones are ids, which mean the same in every account; GCP zones begin with their region."""
    for offering in load_offerings(provider):
        if provider == "aws":
            assert re.fullmatch(r"[a-z]{2,4}\d(-[a-z]+\d)?-az\d+", offering.zone), offering.pool
        else:
            assert offering.zone.startswith(offering.region), offering.pool


def test_prices_of_well_known_offerings() -> None:
    """Spot checks against the price lists, one per way in which a price gets into the file."""
    assert price("aws", "p5.48xlarge", "use1-az2", Purchase.ON_DEMAND).usd_per_h == 55.04
    assert price("aws", "p5.48xlarge", "use1-az2", Purchase.SPOT).usd_per_h == 18.734
    assert price("gcp", "a3-highgpu-8g", "us-central1", Purchase.ON_DEMAND).usd_per_h == pytest.approx(
        88.49, abs=0.01
    )
    # Four chips of $4.20.
    assert price("gcp", "ct5p-hightpu-4t", "us-central1-a", Purchase.ON_DEMAND).usd_per_h == 16.8


def test_unknown_price_is_none_but_offered() -> None:
    """A machine that is sold in blocks only is offered without a price of its own."""
    offering = price("aws", "trn2.48xlarge", "use2-az3", Purchase.ON_DEMAND)

    assert offering.available
    assert offering.usd_per_h is None


def test_no_spot_market_is_unavailable_not_absent() -> None:
    """Where spot costs as much as on demand, or is not offered, there is none to plan with."""
    for zone in ("use1-az1", "usw1-az1"):
        offering = price("aws", "p5.48xlarge", zone, Purchase.SPOT)

        assert not offering.available
        assert offering.usd_per_h is None


def test_what_is_sold_as_spot_only_is_not_offered_on_demand() -> None:
    """The smaller A3 High machines cannot be had on demand."""
    assert not price("gcp", "a3-highgpu-1g", "us-central1", Purchase.ON_DEMAND).available
    assert price("gcp", "a3-highgpu-1g", "us-central1", Purchase.SPOT).available


def test_efficiency_rows_belong_to_an_accelerator_or_a_family() -> None:
    """A row under an alias would never be found, and its accelerator be planned with defaults."""
    families = {"any", *(str(kind) for kind in AcceleratorKind)}

    assert {of for of, _ in load_efficiencies().rows} <= set(load_accelerators()) | families
