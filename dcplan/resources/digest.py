"""One short text that is equal exactly when two resources are."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dcplan.resources.types import Resource


def digest_of(resource: Resource | None) -> str | None:
    """The sha256 (hex) of a resource's canonical JSON; None for no resource.

    Lists and tuples count as equal, as do mappings in any order and needs in
    any order, so a resource read back from a file has the digest it was written with.
    """
    if resource is None:
        return None
    content = {
        "address": str(resource.address),
        "attributes": resource.attributes,
        "needs": sorted(str(need) for need in resource.needs),
        "known_after_apply": sorted(resource.known_after_apply),
        "outputs": resource.outputs,
        "protect": resource.protect,
        **({} if resource.on_remove == "destroy" else {"on_remove": resource.on_remove}),
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
