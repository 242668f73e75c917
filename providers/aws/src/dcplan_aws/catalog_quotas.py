"""What AWS's Service Quotas say an account may have of EC2's machines.

Names and codes are listed, never known by heart: an account may have one quota for all P instances bought as
spot, or several ("All P5 Spot Instance Requests", "All P4, P3 and P2 Spot Instance Requests").  A name tells
which families count; what has another form is about something else.  All of them count vCPUs (EC2 User Guide,
"Amazon EC2 service quotas", "Spot Instance quotas").

Permissions: servicequotas:ListServiceQuotas, servicequotas:ListAWSDefaultServiceQuotas.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dcplan.catalog.dates import day_of
from dcplan.catalog.live_types import LiveQuota
from dcplan.catalog.types import Purchase, Source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from dcplan_aws.catalog_live import Asking

SERVICE = "ec2"
SOURCE = "AWS Service Quotas"
ON_A_PAGE = 100
"""The most that Service Quotas gives at once (ListServiceQuotas, MaxResults)."""

_FORMS: tuple[tuple[re.Pattern[str], tuple[Purchase, ...]], ...] = (
    (re.compile(r"Running On-Demand (.+) instances"), (Purchase.ON_DEMAND, Purchase.COMMITTED)),
    (re.compile(r"All (.+) Spot Instance Requests"), (Purchase.SPOT,)),
)
"""Names of the quotas of machines, and the ways to buy that count; blocks have counts of their own."""
_WORDS = re.compile(r"[ ,()]+")
_FAMILY = re.compile(r"[A-Za-z]+\d*")


def quotas(asking: Asking, region: str, machines: Collection[str]) -> tuple[LiveQuota, ...]:
    """The quotas of one region that are about ``machines``; raises ``ProviderError``.

    The account's own values are asked for, and those that AWS gives everybody where it has none of its own:
    the first list leaves such quotas out (ListServiceQuotas).
    """
    own = _listed(asking, region, "list_service_quotas")
    usual = _listed(asking, region, "list_aws_default_service_quotas")
    return tuple(told({**usual, **own}.values(), machines, day_of(asking.at_s)))


def _listed(asking: Asking, region: str, operation: str) -> dict[str, dict[str, Any]]:
    """All of a list, by code."""
    rows = asking.api.pages(
        "service-quotas", region, operation, "Quotas", ServiceCode=SERVICE, MaxResults=ON_A_PAGE
    )
    return {row["QuotaCode"]: row for row in rows}


def told(rows: Iterable[dict[str, Any]], machines: Collection[str], day: str) -> Iterator[LiveQuota]:
    """Those of the rows that are about these machine types: pure."""
    for row in sorted(rows, key=lambda row: str(row.get("QuotaName", ""))):
        name, value = str(row.get("QuotaName", "")), row.get("Value")
        for form, purchases in _FORMS:
            match = form.fullmatch(name)
            counted = () if match is None else _counted(match[1], machines)
            if match is None or not counted or not isinstance(value, int | float) or value < 0:
                continue
            yield LiveQuota(
                name=name,
                code=str(row["QuotaCode"]),
                of=_of(match[1]),
                machines=counted,
                purchases=purchases,
                vcpus=int(value),
                source=Source(name=SOURCE, date=day),
            )


def _counted(families: str, machines: Collection[str]) -> tuple[str, ...]:
    """The machine types of families, as names tell them: ``P``, ``P4, P3 and P2``, ``Standard (A, C)``."""
    words = [word for word in _WORDS.split(families) if _FAMILY.fullmatch(word)]
    return tuple(sorted(name for name in machines if any(_is_of(name, word) for word in words)))


def _is_of(machine: str, word: str) -> bool:
    """Whether ``P`` or ``P5`` is the family of a machine type; p5en counts as P5, trn1 not as T."""
    letters = re.match(r"[a-z]+", machine)
    if word.isalpha():
        return letters is not None and letters[0] == word.lower()
    return re.match(rf"{word.lower()}(?!\d)", machine) is not None


def _of(families: str) -> str:
    """In short: ``P``, ``P4+P3+P2``, ``G``, ``Standard``."""
    words = [word for word in _WORDS.split(families) if word and word != "and"]
    return words[0] if words[0] in {"Standard", "G"} else "+".join(words)
