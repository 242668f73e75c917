"""Scenes on AWS."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aws_examples import block_for_sale
from aws_project import HEAD, SERVED, TRAINED, Team
from cloud_scenes import Scene, known


@dataclass(frozen=True, slots=True)
class AwsStage(Team):
    """A project on AWS, as scenes need it."""

    def write(self, *workloads: str) -> None:
        """Want exactly this."""
        (self.folder / "dcplan.yaml").write_text("".join(workloads))

    def disturb(self, trouble: Mapping[str, Any]) -> None:
        """Weather with a ``stock``, or else a fault."""
        (self.cloud.weather if "stock" in trouble else self.cloud.fault)(**trouble)

    def doubled(self) -> list[str]:
        """Tokens with several instances, and instances that are there or known, not both."""
        several = [f"{token} made {count}" for token, count in self.cloud.made().items() if count > 1]
        there = {str(instance["InstanceId"]) for instance in self.running()}
        mine = {i for address, i in known(self.folder).items() if address.startswith("aws.instance.")}
        return [*several, *(f"{one} is known or there, not both" for one in there ^ mine)]


_SMALL = HEAD + SERVED + TRAINED
_OTHER = _SMALL.replace("project: small", "project: other").replace("2/s", "12/s").replace("60B", "20B")
"""Tags of all that stays change, a replica comes, a gang of two becomes one machine."""
_BLOCK = {
    "regions": ["us-east-1"],
    "spot": False,
    "capacity_blocks": [block_for_sale("$25000", machines=2, zone="use1-az1", days=14)],
}
_BOUGHT = (
    (HEAD + TRAINED)
    .replace("{regions: [us-east-1], spot: false}", json.dumps(_BLOCK))
    .replace("60B", "50B")
    .replace("[A100-40]", "[A100-40], purchase: [capacity-block]")
)
_REFUSED = {
    "service": "ssm",
    "action": "PutParameter",
    "match": "/job/",
    "code": "AccessDeniedException",
    "status": 400,
}
_TWO_TYPES = HEAD + TRAINED.replace("[A100-40]", "[A100-40, A100-80]")
_ONE_LEFT = {"stock": {"p4d.24xlarge": 1}}
"""One of the two machines of the gang is had, in whichever zone, and no other."""
_ROLLS_BACK = ("apply", "-parallelism=1", "-on-error=rollback-new", "the.plan")

SCENES: Mapping[str, Scene] = {
    "made, and its gang moves": Scene(
        document=_SMALL,
        trouble=({"stock": {"use1-az1/p4d.24xlarge": 1, "use1-az2/p4d.24xlarge": 1}},),
        kills=(
            "before-intent",
            "after-intent",
            # A network takes no token: it is looked for, and not found.
            "recover-start",
            "recover-after-void",
            "after-begin",
            "recover-after-ack",
            "recover-after-wait",
            "recover-after-done",
            # A placement group is asked for again.
            "after-intent",
            "recover-after-begin",
            "after-ack",
            "after-wait",
            # One of two machines was had: it is let go, and both are asked for elsewhere.
            "before-failover",
            "before-cleanup",
            "after-failover",
            "after-void",
            "after-cleanup",
            "after-done",
        ),
    ),
    "before it is planned anew": Scene(
        document=_TWO_TYPES,
        command=("apply", "-auto-approve"),
        trouble=(_ONE_LEFT,),
        kills=("before-plan-anew",),
    ),
    "once it is planned anew": Scene(
        document=_TWO_TYPES,
        command=("apply", "-auto-approve"),
        trouble=(_ONE_LEFT,),
        kills=("after-plan-anew",),
    ),
    "changed": Scene(
        before=_SMALL,
        document=_OTHER,
        kills=(
            "before-intent:2",
            "after-intent",
            "recover-start",
            "recover-after-begin",
            "recover-after-wait",
            "recover-after-done",
            "after-begin:2",
            "recover-after-ack",
            "after-ack:2",
            "after-wait:2",
            "after-done:2",
        ),
    ),
    "rolled back": Scene(
        document=_SMALL,
        command=_ROLLS_BACK,
        trouble=(_REFUSED,),
        kills=("before-rollback",),
    ),
    "half rolled back": Scene(
        document=_SMALL,
        command=_ROLLS_BACK,
        trouble=(_REFUSED,),
        kills=("after-rollback:2",),
    ),
    "bought": Scene(
        long=True,
        document=_BOUGHT,
        answer=("recover", "-auto-approve", "-yes-repurchase"),
        kills=(
            "before-intent",
            "after-begin",
            "recover-after-ack",
            "recover-after-wait",
            "recover-after-done",
        ),
    ),
    "bought, nobody knows": Scene(
        document=_BOUGHT,
        kills=("after-intent",),
        answer=("recover", "-auto-approve", "-yes-repurchase"),
    ),
    "destroyed": Scene(
        long=True,
        before=_SMALL,
        document=_SMALL,
        command=("destroy", "-auto-approve", "-parallelism=1"),
        kills=(
            "before-intent",
            "after-intent:2",
            "recover-after-begin",
            "recover-after-wait",
            "recover-after-done",
            "after-begin:2",
            "after-ack",
            "after-wait",
            "after-done",
        ),
    ),
}
"""What is killed on AWS."""
