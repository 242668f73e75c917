"""Why machines of a group could not be had, as AWS's services tell it: in sentences with EC2's codes in them.

Sources: Amazon EC2 Auto Scaling User Guide, "Troubleshoot issues in Amazon EC2 Auto Scaling" (instance launch
failure); Amazon EKS User Guide, "Managed node group errors and codes"; EC2 API Reference, EventInformation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from dcplan.provider.errors import CapacityUnavailable, Denied, Invalid, ProviderError, QuotaExceeded
from dcplan_aws.answers import MEANS

_CODE = re.compile(r"\b[A-Z][A-Za-z]+(?:\.[A-Z][A-Za-z]+)*\b")
_NO_MACHINES = ("do not have sufficient", "no Spot capacity available", "Unable to fulfill capacity")
"""Of sentences without a code."""
_KINDS: Mapping[str, type[ProviderError]] = {
    one.__name__: one for one in (CapacityUnavailable, QuotaExceeded, Denied, Invalid)
}


def told(sentence: str) -> ProviderError:
    """The error of the protocol that a failed launch is."""
    for code in _CODE.findall(sentence):
        means = MEANS.get(code)
        if means is not None and means in _KINDS.values():
            return means(sentence)
    if any(words in sentence for words in _NO_MACHINES):
        return CapacityUnavailable(sentence)
    return Invalid(sentence)


def remembered(problem: ProviderError) -> dict[str, str]:
    """The error as a record keeps it."""
    return {"error": type(problem).__name__, "detail": problem.detail}


def recalled(kept: Mapping[str, Any] | None) -> ProviderError | None:
    """The error again."""
    return None if kept is None else _KINDS.get(str(kept["error"]), Invalid)(str(kept["detail"]))
