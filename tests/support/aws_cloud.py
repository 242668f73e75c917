"""Start the AWS of ``tests/clouds`` and order what goes wrong there."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TESTS = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class AwsCloud:
    """A server on this machine."""

    port: int

    @property
    def environ(self) -> dict[str, str]:
        """Variables with which AWS's tools ask it, as nobody."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": "nobody",
            "AWS_SECRET_ACCESS_KEY": "only-for-tests",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def fault(self, **rule: object) -> None:
        """Let something go wrong; see ``clouds.aws.faults``."""
        self._ask("POST", "faults", rule)

    def mend(self) -> None:
        """Let nothing more go wrong."""
        self._ask("DELETE", "faults")

    def weather(self, **wanted: object) -> None:
        """Set ``clouds.aws.weather.Weather``."""
        self._ask("POST", "weather", wanted)

    def calls(self, action: str | None = None) -> list[dict[str, Any]]:
        """What was asked so far, oldest first."""
        every: list[dict[str, Any]] = self._ask("GET", "calls")["calls"]
        return [call for call in every if action in {None, call["action"]}]

    def made(self) -> dict[str, int]:
        """How many instances each token has made."""
        made: dict[str, int] = self._ask("GET", "calls")["made"]
        return made

    def reset(self) -> None:
        """An empty account again, and fine weather."""
        self._ask("POST", "reset")

    def _ask(self, verb: str, name: str, body: Mapping[str, object] | None = None) -> Any:
        wire = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        wire.request(verb, f"/-/{name}", None if body is None else json.dumps(body))
        answer = wire.getresponse()
        text = answer.read()
        wire.close()
        assert answer.status == http.HTTPStatus.OK, text
        return json.loads(text)


@contextmanager
def aws_cloud() -> Iterator[AwsCloud]:
    """A server as a process of its own, until the block ends."""
    environ = {**os.environ, "PYTHONPATH": str(TESTS)}
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        environ.pop(name, None)
    process = subprocess.Popen(
        [sys.executable, "-m", "clouds.aws"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environ,
    )
    try:
        assert process.stdout is not None
        yield AwsCloud(int(process.stdout.readline()))
    finally:
        process.terminate()
        process.communicate(timeout=20)
