"""Scenes on Google Cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cloud_scenes import Scene, known
from gcp_project import DOCUMENT, Project


@dataclass(frozen=True, slots=True)
class GcpStage(Project):
    """A project on Google Cloud, as scenes need it."""

    def dcplan(self, *arguments: str, crash_at: str | None = None) -> int:
        """As ``run``."""
        return self.run(*arguments, crash_at=crash_at)

    def write(self, document: str) -> None:
        """Want exactly this."""
        (self.folder / "dcplan.yaml").write_text(document)

    def disturb(self, trouble: Mapping[str, Any]) -> None:
        """Weather with a ``capacity``, or else a fault."""
        (self.cloud.weather if "capacity" in trouble else self.cloud.fail)(**trouble)

    def doubled(self) -> list[str]:
        """Instances that are there or known, not both, and what broke Google's description."""
        mine = {i for address, i in known(self.folder).items() if address.startswith("gcp.instance.")}
        odd = mine ^ set(self.cloud.things("instances"))
        return [*(f"{one} is known or there, not both" for one in odd), *self.cloud.violations]

    def left(self) -> Mapping[str, Any]:
        """Everything that is there."""
        return self.cloud.things()


_OTHER = DOCUMENT.replace("30/s", "10/s").replace("36h", "60h")
"""A replica goes, a gang of two becomes one machine."""
_FORGOTTEN = DOCUMENT[: DOCUMENT.index("  tune:")] + "removed: [{from: tune, destroy: false}]\n"
_REFUSED = {"method": "setMetadata", "path": "a3-highgpu", "status": 403, "reason": "forbidden"}
_ONE_LEFT = {
    "capacity": {
        **{f"{r}-{zone}/a3-highgpu-8g": 0 for r in ("us-central1", "us-east4") for zone in "abcdef"},
        "us-central1-a/a3-highgpu-8g": 1,
    }
}
"""One of the two machines of the gang is had, and no other of its type."""
_ROLLS_BACK = ("apply", "-parallelism=1", "-on-error=rollback-new", "the.plan")

SCENES: Mapping[str, Scene] = {
    "made, and its gang moves": Scene(
        document=DOCUMENT,
        trouble=({"capacity": {"us-central1-a/a3-highgpu-8g": 1}},),
        kills=(
            "before-intent",
            "after-intent",
            "recover-start",
            "recover-after-void",
            "after-begin",
            "recover-after-begin",
            "recover-after-ack",
            "recover-after-wait",
            "recover-after-done",
            "after-ack",
            "after-wait",
            "after-done",
            "after-void",
            "before-failover",
            "after-failover",
            "before-cleanup",
            "after-cleanup",
        ),
    ),
    "before it is planned anew": Scene(
        document=DOCUMENT,
        command=("apply", "-auto-approve"),
        trouble=(_ONE_LEFT,),
        kills=("before-plan-anew",),
    ),
    "once it is planned anew": Scene(
        document=DOCUMENT,
        command=("apply", "-auto-approve"),
        trouble=(_ONE_LEFT,),
        kills=("after-plan-anew",),
    ),
    "changed": Scene(
        before=DOCUMENT,
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
            "after-ack",
            "after-wait",
            "after-done",
        ),
    ),
    "rolled back": Scene(
        document=DOCUMENT,
        command=_ROLLS_BACK,
        trouble=(_REFUSED,),
        kills=("before-rollback",),
    ),
    "half rolled back": Scene(
        document=DOCUMENT,
        command=_ROLLS_BACK,
        trouble=(_REFUSED,),
        kills=("after-rollback:2",),
    ),
    "forgotten, and kept after all": Scene(
        long=True,
        before=DOCUMENT,
        document=_FORGOTTEN,
        after=DOCUMENT,
        command=("apply", "-auto-approve"),
        kills=(
            "before-intent",
            "after-intent",
            "recover-after-begin",
            "recover-after-void",
            "after-begin:2",
        ),
    ),
    "destroyed": Scene(
        long=True,
        before=DOCUMENT,
        document=DOCUMENT,
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
"""What is killed on Google Cloud."""
