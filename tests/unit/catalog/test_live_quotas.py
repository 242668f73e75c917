"""Quotas that a cloud told: kept in a file, laid under the document's, and warned of when nearly used up."""

from __future__ import annotations

import json

import pytest

from dcplan.catalog import load_machines
from dcplan.catalog.live_codec import from_json, to_json
from dcplan.catalog.live_types import LiveCatalog, LiveQuota, LiveRegion, Part
from dcplan.catalog.types import Purchase, Source
from dcplan.placement.purchase_types import QuotaRule
from dcplan.placement.tight import tight
from dcplan.placement.types import Assignment, MachineSlot
from dcplan.provider.quotas import live_quotas

NOW = 1_795_000_000.0
H100S = ("a3-highgpu-8g", "a3-megagpu-8g")
QUOTA = LiveQuota(
    name="NVIDIA_H100_GPUS",
    code="NVIDIA_H100_GPUS",
    of="H100",
    machines=H100S,
    purchases=(Purchase.ON_DEMAND, Purchase.COMMITTED),
    devices=16,
    used=8,
    source=Source(name="Compute Engine regions.get", date="2026-11-18"),
)
LIVE = LiveCatalog(
    provider="gcp",
    regions=(LiveRegion(name="us-central1", read_at_s=NOW, told=frozenset({Part.QUOTAS}), quotas=(QUOTA,)),),
)
POOL = "us-central1-a/a3-highgpu-8g/on-demand"


def test_quotas_are_kept_and_a_file_without_them_is_read() -> None:
    """What is written is what is read; older files told none."""
    content = json.loads(json.dumps(to_json(LIVE)))
    assert from_json(content) == LIVE

    del content["regions"][0]["quotas"]
    assert from_json(content).regions[0].quotas == ()


@pytest.mark.parametrize("change", [{"devices": -1}, {"vcpus": 8}, {"devices": None}, {"used": True}])
def test_an_amount_that_is_none_is_refused(change: dict[str, object]) -> None:
    """A damaged file is not planned with."""
    content = json.loads(json.dumps(to_json(LIVE)))
    content["regions"][0]["quotas"][0] |= change

    with pytest.raises(ValueError, match=r"amount|unit"):
        from_json(content)


def test_a_document_can_stand_for_a_quota_by_its_narrowest_name() -> None:
    """Of accelerators it is the accelerator, whatever machine types count."""
    machines = load_machines("gcp")
    some = tuple(name for name, machine in machines.items() if machine.accelerator == "H100")
    live = LiveCatalog(
        provider="gcp",
        regions=(
            LiveRegion(
                name="us-central1",
                read_at_s=NOW,
                told=frozenset(Part),
                quotas=(LiveQuota(**{**_fields(QUOTA), "machines": some}),),
            ),
        ),
    )
    [found] = live_quotas(live, (), machines, ("providers", "gcp"))

    assert (found.named, found.devices, found.used) == ("H100", 16, 8)
    assert live_quotas(live, (found,), machines, ("providers", "gcp")) == ()
    assert live_quotas(None, (), machines, ("providers", "gcp")) == ()


def _fields(quota: LiveQuota) -> dict[str, object]:
    return {name: getattr(quota, name) for name in quota.__dataclass_fields__}


@pytest.mark.parametrize(("used", "standing", "warned"), [(8, 0, 0), (9, 0, 1), (16, 1, 0), (None, 0, 0)])
def test_a_quota_that_others_use_up_is_warned_of(used: int | None, standing: int, warned: int) -> None:
    """Only what the plan adds counts against what was left; unknown use is not warned of."""
    rule = QuotaRule(
        law="quota",
        name="gcp/us-central1/H100/devices",
        unit="devices",
        at_most=16,
        each=((POOL, 8),),
        origin=("providers", "gcp"),
        told="Compute Engine regions.get, 2026-11-18, today",
        way_out="Ask for more.",
        used=used,
    )
    today = Assignment(machines=tuple(MachineSlot(name=f"m{i}", pool=POOL) for i in range(standing)))
    found = list(tight([rule], today, Assignment(machines=(MachineSlot(name="m0", pool=POOL),))))

    assert len(found) == warned
    if found:
        assert "were in use when the provider was asked" in found[0].detail
        assert found[0].detail.endswith("Ask for more.")
