"""What the parts of an inventory file have in common: names of places, and links."""

from __future__ import annotations

import re
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from dcplan.config.values import BytesPerS, Duration

PLACE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def _place_name(text: str) -> str:
    """Names of places and nodes are joined by slashes to paths, so they hold none."""
    if PLACE_NAME.fullmatch(text) is None:
        problem = (
            f'"{text}" cannot name a place or a node. Such names have 1 to 63 letters, digits, dots, hyphens '
            "and underscores, and begin with a letter or digit."
        )
        raise PydanticCustomError("inventory-name", "{problem}", {"problem": problem})
    return text


PlaceName = Annotated[str, AfterValidator(_place_name)]
"""The name of a zone, block, rack, node or machine type."""


class Strict(BaseModel):
    """Base of everything in the inventory: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class LatencySpec(Strict):
    """How far the parts of a place are from each other."""

    latency: Duration | None = None
    """One way, between two neighbours inside."""


class LinkSpec(LatencySpec):
    """What joins the parts of a rack or block, and what leads out of it.

    ``uplink`` is per direction; ``oversubscription`` says it as the ratio of
    what may come from inside to what fits through.  At most one of the two.
    """

    uplink: BytesPerS | None = Field(default=None, gt=0)
    oversubscription: float | None = Field(default=None, ge=1, strict=False)

    @model_validator(mode="after")
    def _said_once(self) -> Self:
        """Refuse an uplink that is given in both ways."""
        if self.uplink is not None and self.oversubscription is not None:
            problem = "`uplink` and `oversubscription` say the same in two ways; keep one of them."
            raise PydanticCustomError("inventory-uplink-twice", "{problem}", {"problem": problem})
        return self
