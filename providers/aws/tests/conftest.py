"""One AWS on this machine for all tests of a process, empty again for each of them."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from aws_cloud import AwsCloud, aws_cloud


@pytest.fixture(scope="session")
def _server() -> Iterator[AwsCloud]:
    from botocore import loaders, session  # noqa: PLC0415 - slow

    # Each test opens the provider anew; the descriptions of the APIs are read once.
    session.create_loader = functools.cache(loaders.create_loader)
    with aws_cloud() as cloud:
        yield cloud


@pytest.fixture
def cloud(_server: AwsCloud, monkeypatch: pytest.MonkeyPatch) -> AwsCloud:
    """An empty account in fine weather, which AWS's tools ask as nobody."""
    _server.reset()
    for name, value in _server.environ.items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    return _server
