"""AWS's price list and spot prices, which moto has not: a layer of WSGI before it, or a server by itself.

``POST /-/prices`` sets what it answers, as JSON: ``products`` (entries of ``PriceList``), ``spot`` (rows with
instance_type, zone, usd, since), ``denied`` (names of calls that are refused), ``page`` (products on one),
``weather`` (of quotas).
Shapes: AWS Price List API Reference, "GetProducts"; EC2 API Reference, "DescribeSpotPriceHistory".
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

sys.path.extend(str(Path(__file__).parents[2] / folder) for folder in ("", "support"))

from moto_served import App, moto, serve

Environ = dict[str, Any]

TARGET = "AWSPriceListService.GetProducts"
QUOTAS = "ServiceQuotasV20190624."
SPOT = "DescribeSpotPriceHistory"
MOST_ON_A_PAGE = 100


class Pricing:
    """The layer: what is about prices it answers, everything else goes on to ``app``."""

    def __init__(self, app: App, book: dict[str, Any] | None = None) -> None:
        self._app = app
        self._book = book or {}
        self.asked: list[str] = []

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        """One request."""
        if environ["PATH_INFO"] == "/-/prices":
            self._book = json.loads(_body(environ))
            self.asked.clear()
            from clouds.aws.weather import WEATHER  # noqa: PLC0415 - it imports moto, which takes seconds

            WEATHER.set(self._book.get("weather", {"vcpus": {}, "quotas_on_a_page": 100}))
            return _answer(start, 200, b"{}", "application/json")
        if environ.get("HTTP_X_AMZ_TARGET") == TARGET:
            self.asked.append(TARGET)
            return self._products(json.loads(_body(environ)), start)
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        if target.startswith(QUOTAS) and target.removeprefix(QUOTAS) in self._book.get("denied", ()):
            return self._refused(start, f"servicequotas:{target.removeprefix(QUOTAS)}")
        if environ["REQUEST_METHOD"] == "POST" and "form-urlencoded" in environ.get("CONTENT_TYPE", ""):
            body = _body(environ)
            form = parse_qs(body.decode())
            action = form.get("Action", [""])[0]
            self.asked.append(action)
            if action in self._book.get("denied", ()):
                return self._denied(start, action)
            if action == SPOT:
                scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].split("/")
                return self._spot(form, scope[2] if len(scope) > 2 else "", start)
            environ["wsgi.input"] = _Again(body)
        return self._app(environ, start)

    def _products(self, asked: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if "GetProducts" in self._book.get("denied", ()):
            return self._refused(start, "pricing:GetProducts")
        wanted = {one["Field"]: one["Value"] for one in asked["Filters"] if one["Type"] == "TERM_MATCH"}
        fits = [
            product
            for product in self._book.get("products", ())
            if all(product["product"]["attributes"].get(name) == value for name, value in wanted.items())
        ]
        first, size = int(asked.get("NextToken") or 0), self._book.get("page", MOST_ON_A_PAGE)
        answer: dict[str, Any] = {"FormatVersion": "aws_v1"}
        answer["PriceList"] = [json.dumps(product) for product in fits[first : first + size]]
        if first + size < len(fits):
            answer["NextToken"] = str(first + size)
        return _answer(start, 200, json.dumps(answer).encode(), "application/x-amz-json-1.1")

    def _spot(self, form: dict[str, list[str]], region: str, start: Callable[..., Any]) -> Iterable[bytes]:
        types = {values[0] for name, values in form.items() if name.startswith("InstanceType.")}
        here = [row for row in self._book.get("spot", ()) if row["zone"].startswith(region)]
        rows = [row for row in here if row["instance_type"] in types]
        items = "".join(
            f"<item><instanceType>{escape(row['instance_type'])}</instanceType>"
            "<productDescription>Linux/UNIX</productDescription>"
            f"<spotPrice>{row['usd']:.6f}</spotPrice><timestamp>{row['since']}</timestamp>"
            f"{_zone(row)}</item>"
            for row in rows
        )
        text = (
            '<?xml version="1.0" encoding="UTF-8"?><DescribeSpotPriceHistoryResponse '
            'xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId>'
            f"<spotPriceHistorySet>{items}</spotPriceHistorySet><nextToken/></DescribeSpotPriceHistoryResponse>"
        )
        return _answer(start, 200, text.encode(), "text/xml")

    @staticmethod
    def _refused(start: Callable[..., Any], permission: str) -> Iterable[bytes]:
        body = {"__type": "AccessDeniedException", "Message": f"not authorized to perform {permission}"}
        return _answer(start, 400, json.dumps(body).encode(), "application/x-amz-json-1.1")

    @staticmethod
    def _denied(start: Callable[..., Any], action: str) -> Iterable[bytes]:
        text = (
            "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized to "
            f"perform this operation: ec2:{action}</Message></Error></Errors><RequestID>r</RequestID>"
            "</Response>"
        )
        return _answer(start, 403, text.encode(), "text/xml")


def _zone(row: dict[str, Any]) -> str:
    """A zone by its name, or by its id where that is known: EC2 tells either or both."""
    if "zone_id" in row:
        return f"<availabilityZoneId>{escape(row['zone_id'])}</availabilityZoneId>"
    return f"<availabilityZone>{escape(row['zone'])}</availabilityZone>"


def sold() -> dict[str, Any]:
    """A book with the prices that ship with dcplan, for people who try it without an account."""
    from datetime import UTC, datetime  # noqa: PLC0415 - only for them

    from dcplan.catalog.load import shipped_offerings  # noqa: PLC0415 - as above
    from price_lists import product, spot  # noqa: PLC0415 - as above

    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    known = [offering for offering in shipped_offerings("aws") if offering.usd_per_h is not None]
    listed = {(o.machine, o.region): o.usd_per_h for o in known if o.purchase.value == "on-demand"}
    return {
        "products": [product(machine, usd or 0.0, region) for (machine, region), usd in listed.items()],
        "spot": [
            {**spot(o.machine, o.region, o.usd_per_h or 0.0, now), "zone_id": o.zone}
            for o in known
            if o.purchase.value == "spot"
        ],
    }


class _Again:
    """A body that was read, to be read once more."""

    def __init__(self, body: bytes) -> None:
        self._left = body

    def read(self, size: int = -1) -> bytes:
        """As a file does."""
        taken = self._left if size < 0 else self._left[:size]
        self._left = self._left[len(taken) :]
        return taken


def _body(environ: Environ) -> bytes:
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    return body


def _answer(start: Callable[..., Any], status: int, body: bytes, kind: str) -> Iterable[bytes]:
    start(f"{status} Answer", [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


def main() -> None:
    """Serve it before moto, with quotas, on a free port of this machine, until standard input ends."""
    from clouds.aws import quotas  # noqa: PLC0415 - imports moto

    quotas.install()
    serve(Pricing(moto()))


if __name__ == "__main__":
    main()
