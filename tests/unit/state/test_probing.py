"""Servers that do not look before they write are found out, and told by what they did."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from blobs_for_tests import CarelessBlobs, FaultyBlobs, MemoryBlobs
from dcplan.state.backends import GROUP, open_blobs
from dcplan.state.probing import probe

PATH = ("backend", "s3")


def test_a_server_that_keeps_its_promises_passes_and_keeps_nothing() -> None:
    """No diagnostics, and the probe's blob is gone."""
    server = MemoryBlobs()

    assert probe(server, PATH) == ()
    assert server.kept == {}


@pytest.mark.parametrize("ignores", ["create", "replace"])
def test_what_a_server_ignores_is_named(ignores: str) -> None:
    """One broken promise of the two is an error that names it and no other."""
    server = CarelessBlobs(ignores)
    (problem,) = probe(server, PATH)

    assert problem.code == "backend-careless"
    assert f"conditional {ignores}" in problem.detail
    assert problem.detail.count("conditional create") == (ignores == "create")
    assert problem.path == PATH
    assert server.kept == {}


@pytest.mark.parametrize(("fate", "code"), [("refuse", "backend-refused"), ("before", "backend-silent")])
def test_a_server_that_says_no_or_nothing_is_told(fate: str, code: str) -> None:
    """No right to the bucket, and nobody there, are not the same."""
    server = FaultyBlobs(MemoryBlobs())
    server.lose(fate, times=9)

    assert [d.code for d in probe(server, PATH)] == [code]


def _points(*values: str) -> list[EntryPoint]:
    return [EntryPoint("gcs", value, GROUP) for value in values]


@pytest.mark.parametrize(
    ("kind", "points", "code", "said"),
    [
        ("s3", [], "backend-not-installed", "pip install ./providers/aws"),
        ("mine", [], "backend-not-installed", "Installed are local"),
        ("gcs", _points("a:b", "c:d"), "backend-twice", "a:b and c:d"),
        ("gcs", _points("no_such_module_here:x"), "backend-broken", "ModuleNotFoundError"),
    ],
)
def test_a_backend_that_cannot_be_had_is_told(
    kind: str, points: list[EntryPoint], code: str, said: str
) -> None:
    """Missing, brought twice, broken: each with a way out, at the key of the document."""
    (problem,) = open_blobs(kind, {}, available=lambda: points).diagnostics

    assert problem.code == code
    assert said in problem.detail
    assert problem.path == ("backend", kind)
