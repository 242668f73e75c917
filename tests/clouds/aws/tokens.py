"""ClientToken: the same call again gives the same answer; moto does not look at it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from moto.core.responses import ActionResult
from moto.ec2.responses import EC2Response

from clouds.aws.weather import books_of, refuse

OPERATIONS = (
    "run_instances",
    "create_fleet",
    "create_launch_template",
    "create_network_interface",
    "create_volume",
    "create_capacity_reservation",
    "create_nat_gateway",
)


def install() -> None:
    """Let these operations know a token again."""
    for name in OPERATIONS:
        setattr(EC2Response, name, _once(name, getattr(EC2Response, name)))


def _once(name: str, original: Any) -> Any:
    def call(self: Any) -> ActionResult:
        token = self._get_param("ClientToken")
        if not token or self._get_param("DryRun"):
            return original(self)
        said = {key: value for key, value in self.params.items() if key != "ClientToken"}
        digest = hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
        known = books_of(self).tokens.get((name, token))
        if known is None:
            answer = original(self)
            books_of(self).tokens[name, token] = (digest, answer.result)
            return answer
        if known[0] != digest:
            refuse("IdempotentParameterMismatch", "The client token was used with other parameters.")
        return ActionResult(known[1])

    return call
