"""Service Quotas of EC2, of which moto has none.

Names and codes are those that accounts list (``aws service-quotas list-service-quotas --service-code ec2``).
What an account has of its own is in the weather (``vcpus``, as launches are held to it); the other quotas are
in the list of defaults alone, as AWS has it.
"""

from __future__ import annotations

import json
from typing import Any

from moto.servicequotas.exceptions import NoSuchResource
from moto.servicequotas.responses import ServiceQuotasResponse

from clouds.aws.weather import WEATHER

UNBOUND = 100_000.0
"""vCPUs where the weather says nothing, so that launches are not held to any."""
ON_A_PAGE = 100

MACHINES: dict[str, tuple[str, str]] = {
    "L-417A185B": ("Running On-Demand P instances", "P"),
    "L-DB2E81BA": ("Running On-Demand G and VT instances", "G"),
    "L-2C3B7624": ("Running On-Demand Trn instances", "T"),
    "L-1945791B": ("Running On-Demand Inf instances", "I"),
    "L-7212CCBC": ("All P4, P3 and P2 Spot Instance Requests", "P/spot"),
    "L-C4BD4855": ("All P5 Spot Instance Requests", "P5/spot"),
    "L-3819A6DF": ("All G and VT Spot Instance Requests", "G/spot"),
    "L-6B0D517C": ("All Trn Spot Instance Requests", "T/spot"),
    "L-B5D1601B": ("All Inf Spot Instance Requests", "I/spot"),
}
"""Code to name, and to what the weather calls it."""
OTHERS: dict[str, tuple[str, float]] = {
    "L-1216C47A": ("Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", 5.0),
    "L-34B43A08": ("All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests", 5.0),
    "L-43DA4232": ("Running On-Demand High Memory instances", 448.0),
    "L-86A789C3": ("Running Dedicated p4d Hosts", 0.0),
    "L-0263D0A3": ("EC2-VPC Elastic IPs", 5.0),
}
"""What is about no machine type with accelerators."""

_defaults = ServiceQuotasResponse.list_aws_default_service_quotas


def list_service_quotas(self: Any) -> str:
    """The account's own values."""
    asked = _asked(self)
    rows = [
        _row(self, code, name, float(WEATHER.vcpus[key]))
        for code, (name, key) in MACHINES.items()
        if key in WEATHER.vcpus
    ]
    return _page(asked, rows)


def list_aws_default_service_quotas(self: Any) -> str:
    """What every account has at least."""
    asked = json.loads(self.body)
    if asked.get("ServiceCode") != "ec2":
        return str(_defaults(self))
    rows = [_row(self, code, name, UNBOUND) for code, (name, _key) in MACHINES.items()]
    rows += [_row(self, code, name, value) for code, (name, value) in OTHERS.items()]
    return _page(_asked(self), rows)


def _asked(response: Any) -> dict[str, Any]:
    asked: dict[str, Any] = json.loads(response.body)
    if asked.get("ServiceCode") != "ec2":
        raise NoSuchResource
    return asked


def _page(asked: dict[str, Any], rows: list[dict[str, Any]]) -> str:
    first, most = int(asked.get("NextToken") or 0), min(int(asked.get("MaxResults") or ON_A_PAGE), ON_A_PAGE)
    most = min(most, WEATHER.quotas_on_a_page)
    answer: dict[str, Any] = {"Quotas": rows[first : first + most]}
    if first + most < len(rows):
        answer["NextToken"] = str(first + most)
    return json.dumps(answer)


def _row(response: Any, code: str, name: str, value: float) -> dict[str, Any]:
    return {
        "ServiceCode": "ec2",
        "ServiceName": "Amazon Elastic Compute Cloud (Amazon EC2)",
        "QuotaArn": f"arn:aws:servicequotas:{response.region}:{response.current_account}:ec2/{code}",
        "QuotaCode": code,
        "QuotaName": name,
        "Value": value,
        "Unit": "None",
        "Adjustable": True,
        "GlobalQuota": False,
    }


def install() -> None:
    """Give Service Quotas the operations."""
    ServiceQuotasResponse.list_service_quotas = list_service_quotas
    ServiceQuotasResponse.list_aws_default_service_quotas = list_aws_default_service_quotas
