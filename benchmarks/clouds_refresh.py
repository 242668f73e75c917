"""What a refresh of many instances of a cloud costs: calls that reach its server, seconds.

    python benchmarks/clouds_refresh.py aws|gcp INSTANCES     # prints one line of JSON

The instances are made by the provider, 64 at a time, and another provider is asked for all of them, as a new
process would be.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clouds_fleets import Served, served

from dcplan.provider import MachineGroup, Placement, request_of
from dcplan.resources import Action, Resource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.provider import Provider

LINEAGE = "benchmark"
SIDE_BY_SIDE = 64
WHERE = {
    # Region, zone, machine.
    "aws": ("us-east-1", "use1-az6", "g6e.xlarge"),
    "gcp": ("us-central1", "us-central1-a", "g2-standard-4"),
}


def opened(name: str) -> Provider:
    """A provider that has asked nothing yet."""
    region = WHERE[name][0]
    if name == "aws":
        from dcplan_aws import provider as aws  # noqa: PLC0415 - one of both

        return aws({"regions": [region]}, Path()).unwrap()
    from dcplan_gcp import provider as gcp  # noqa: PLC0415 - as above

    return gcp({"regions": [region]}, Path()).unwrap()


def made(cloud: Served, count: int) -> list[Resource]:
    """So many instances, with what they stand in."""
    region, zone, machine = WHERE[cloud.name]
    group = MachineGroup(
        pool=f"{zone}/{machine}",
        machine=machine,
        region=region,
        zone=zone,
        block=None,
        purchase="on-demand",
        names=tuple(f"m-{i}" for i in range(count)),
        gang=False,
    )
    provider = opened(cloud.name)
    resources = provider.resources_for(Placement(project="bench", machines=(group,), workloads=())).unwrap()
    needs: dict[str, Mapping[str, Any]] = {}

    def make(resource: Resource) -> Resource:
        token = f"bench-{resource.address.kind}-{resource.address.name}"
        request = request_of(resource, Action.CREATE, token=token, lineage=LINEAGE, needs=needs)
        ack = provider.begin(request)
        if resource.address.kind == "instance":
            return replace(resource, outputs={"id": ack.object_id})
        needs[str(resource.address)] = provider.wait(request, ack, lambda: False)
        return replace(resource, outputs=needs[str(resource.address)])

    ground = [make(one) for one in resources if one.address.kind != "instance"]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        machines = list(pool.map(make, (one for one in resources if one.address.kind == "instance")))
    return [*ground, *machines]


def measured(name: str, count: int) -> dict[str, object]:
    """Calls and seconds of a refresh."""
    with served(name) as cloud:
        os.environ.update(cloud.environ)
        start_s = time.perf_counter()
        resources = made(cloud, count)
        made_s = time.perf_counter() - start_s
        machines = [one for one in resources if one.address.kind == "instance"]
        asker = opened(name)
        before, cpu_s, start_s = cloud.asked(), time.process_time(), time.perf_counter()
        refreshed = asker.refresh(machines)
        wall_s, cpu_s = time.perf_counter() - start_s, time.process_time() - cpu_s
        calls = cloud.asked() - before
    return {
        "instances": len(machines),
        "found": sum(one is not None for one in refreshed.found.values()),
        "calls": calls,
        "calls_told": refreshed.calls,
        "wall_s": round(wall_s, 3),
        "cpu_s": round(cpu_s, 3),
        "made_s": round(made_s, 1),
    }


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1], int(sys.argv[2]))))
