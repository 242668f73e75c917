"""Clients of S3 servers on this machine, and an environment in which nobody's credentials are found."""

from __future__ import annotations

import http.client
from pathlib import Path

import pytest

from dcplan.state.blobs import Blobs
from dcplan_aws.blobs import backend

BUCKET = "states"


def nobody(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Credentials of nobody; no file and no server of this machine is asked for others."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "only-for-tests")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


def client(port: int, prefix: str = "", bucket: str = BUCKET) -> Blobs:
    """A client of one bucket of a server of this machine."""
    endpoint = f"http://127.0.0.1:{port}"
    return backend({"bucket": bucket, "prefix": prefix, "region": "us-east-1", "endpoint": endpoint}).unwrap()


def call(port: int, verb: str, path: str, body: bytes = b"") -> None:
    """A request of no client of ours, to a server that asks nobody who they are."""
    wire = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    who = "Credential=nobody/20250101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    wire.request(verb, path, body, {"Authorization": f"AWS4-HMAC-SHA256 {who}"})
    answer = wire.getresponse()
    assert answer.status < 300, answer.read()
    answer.read()
    wire.close()


def bucket_made(port: int, name: str = BUCKET) -> None:
    """Make a bucket."""
    call(port, "PUT", f"/{name}")
