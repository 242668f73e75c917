"""S3: what moto leaves out of buckets, and what a request of S3 is called.

Rules: Amazon S3 API Reference, CreateBucket (tags), ListBuckets (pages, region).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import parse_qs

from moto.core.responses import ActionResult
from moto.s3.responses import S3Response

_create = S3Response._bucket_response_put
_SUB = "x-id"


@cache
def _operations() -> tuple[tuple[str, int, frozenset[str], str], ...]:
    """Verb, names in the path, words in the query, operation; those with most words first."""
    from botocore.session import Session  # noqa: PLC0415 - slow

    model = Session().get_service_model("s3")
    found = []
    for name in model.operation_names:
        http = model.operation_model(name).http
        path, _, query = http["requestUri"].partition("?")
        words = frozenset(parse_qs(query, keep_blank_values=True)) - {_SUB}
        found.append((http["method"], sum(map(bool, path.split("/"))), words, name))
    first = {"ListBuckets", "ListObjects", "CreateBucket", "PutObject", "GetObject", "DeleteObject"}
    return tuple(sorted(found, key=lambda one: (-len(one[2]), one[3] not in first)))


def operation_of(verb: str, path: str, query: str) -> str:
    """What S3 calls a request."""
    parts, asked = len([p for p in path.split("/", 2) if p]), set(parse_qs(query, keep_blank_values=True))
    for method, depth, words, name in _operations():
        if (method, depth) == (verb, parts) and words <= asked:
            return name
    return f"{verb} {path}"


def _tagged_create(self: Any, request: Any, bucket: str, querystring: dict[str, Any]) -> Any:
    """A new bucket has the tags that its create names, and none of an older one of its name."""
    plain = not set(querystring) - {_SUB}
    new = plain and bucket not in self.backend.buckets
    answer = _create(self, request, bucket, querystring)
    if new:
        self.backend.delete_bucket_tagging(bucket)
        tags = _tags_in(self.body) if self.body else {}
        if tags:
            self.backend.put_bucket_tagging(bucket, tags)
    return answer


def _tags_in(body: bytes) -> dict[str, str]:
    import xml.etree.ElementTree as ET  # noqa: PLC0415 - of our own client

    def of(node: Any, name: str) -> str:
        return next((child.text or "" for child in node if child.tag.endswith(name)), "")

    root = ET.fromstring(body)  # noqa: S314 - as above
    return {of(node, "Key"): of(node, "Value") for node in root.iter() if node.tag.endswith("}Tag")}


def all_buckets(self: Any) -> Any:
    """Pages in the order of names; another region is not asked for here."""
    self.data["Action"] = "ListBuckets"
    region = self._get_param("bucket-region")
    if region and region != self.region:
        return 400, {}, "<Error><Code>InvalidArgument</Code><Message>Another region</Message></Error>"
    start, size = self._get_param("continuation-token") or "", int(self._get_param("max-buckets") or 10_000)
    shown = sorted(
        self.backend.list_buckets(prefix=self._get_param("prefix"), bucket_region=region, max_buckets=None),
        key=lambda bucket: str(bucket.name),
    )
    later = [bucket for bucket in shown if bucket.name > start]
    page: dict[str, Any] = {
        "Owner": {"ID": "owner"},
        "Buckets": [
            {"Name": b.name, "CreationDate": b.creation_date_ISO8601, "BucketRegion": b.region_name}
            for b in later[:size]
        ],
    }
    if len(later) > size:
        page["ContinuationToken"] = later[size - 1].name
    return self.serialized(ActionResult(page))


def install() -> None:
    """Replace moto's."""
    S3Response._bucket_response_put = _tagged_create
    S3Response.all_buckets = all_buckets


def named(environ: Mapping[str, Any]) -> str:
    """What S3 calls the request of a WSGI server."""
    return operation_of(environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("QUERY_STRING", ""))
