"""The Google Cloud of ``tests/clouds/gcp`` for tests: started as a process, and told what to do."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True)
class GcpCloud:
    """Where it listens."""

    address: str

    @property
    def variables(self) -> dict[str, str]:
        """What leads dcplan there."""
        return {"DCPLAN_GCP_ENDPOINT": self.address, "GOOGLE_CLOUD_PROJECT": "example"}

    def reset(self) -> None:
        """An empty cloud again."""
        self._asked("POST", "/reset", {})

    def fail(self, **fault: Any) -> None:
        """One more fault; see ``world.Fault``."""
        self._asked("POST", "/faults", [fault])

    def weather(self, **settings: Any) -> None:
        """Other times; see ``world.Weather``."""
        self._asked("POST", "/weather", settings)

    @property
    def seen(self) -> list[str]:
        """The method and path of each request, in order."""
        return list(self._asked("GET", "", None)["seen"])

    @property
    def violations(self) -> list[str]:
        """What did not fit Google's description."""
        return list(self._asked("GET", "", None)["violations"])

    def things(self, collection: str | None = None) -> dict[str, Any]:
        """What is there of a collection, or of all, by path."""
        there = self._asked("GET", "", None)["things"]
        return {path: body for path, body in there.items() if collection in (None, path.split("/")[-2])}

    @property
    def buckets(self) -> dict[str, Any]:
        """The buckets that are there, by name."""
        return dict(self._asked("GET", "", None)["buckets"])

    def put_objects(self, bucket: str, *names: str) -> None:
        """Objects in a bucket, as if somebody had written them."""
        self._asked("POST", "/objects", [{"bucket": bucket, "name": name} for name in names])

    def put_network(self, name: str, region: str) -> None:
        """A network with one subnet, as if somebody else had made it."""
        base = "/compute/v1/projects/example"
        network = {"name": name, "autoCreateSubnetworks": False}
        self._asked("POST", "/global/networks", network, base=base)
        subnet = {"name": name, "network": f"projects/example/global/networks/{name}"}
        self._asked(
            "POST", f"/regions/{region}/subnetworks", {**subnet, "ipCidrRange": "172.16.0.0/20"}, base=base
        )

    def put_cluster(self, name: str, location: str) -> None:
        """A cluster of Kubernetes, as if somebody else had made it."""
        self._asked("POST", "/clusters", [{"project": "example", "location": location, "name": name}])

    def resize(self, path: str, size: int) -> None:
        """Another size of a managed instance group, as if somebody else had asked for it."""
        self._asked("POST", f"/{path}/resize?size={size}", None, base="/compute/v1")

    def patch(self, path: str, body: Any) -> None:
        """Other bounds of an autoscaler, as if somebody else had set them."""
        collection, _, name = path.rpartition("/")
        self._asked("PATCH", f"/{collection}?autoscaler={name}", body, base="/compute/v1")

    def _asked(self, verb: str, path: str, body: Any, *, base: str = "/_control") -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.address}{base}{path}", data=data, method=verb)  # noqa: S310 - http to this machine
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - as above
            return json.load(answer)


@contextmanager
def gcp_cloud() -> Iterator[GcpCloud]:
    """A cloud of its own, on a free port."""
    with subprocess.Popen(
        [sys.executable, "-m", "clouds.gcp"],
        cwd=TESTS,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield GcpCloud(process.stdout.readline().strip())
        finally:
            process.stdin.close()
            process.wait(10)
