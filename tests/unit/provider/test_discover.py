"""Finding providers and saying what is wrong with them."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

from dcplan.diag import Result, error
from dcplan.provider import Provider, discover, open_providers
from dcplan.provider.discover import GROUP, installed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pytest

INVENTORY = """
name: tiny
region: here
machines: {m: {accelerator: H100, devices: 8, vcpus: 8, memory: 1TiB, network: 100Gbit/s, fabric: TCP}}
zones: {hall: {racks: {count: 1, machine: m, nodes: 1}}}
"""


def _point(name: str, value: str) -> EntryPoint:
    """What a package announces."""
    return EntryPoint(name, value, GROUP)


def _module_of(monkeypatch: pytest.MonkeyPatch, name: str) -> Callable[[], list[EntryPoint]]:
    """Entry points that lead to a factory of this file."""
    module = ModuleType("dcplan_test_provider")
    module.__dict__[name] = globals()[name]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return lambda: [_point(name, f"{module.__name__}:{name}")]


def _codes(result: Result[dict[str, Provider]]) -> list[tuple[str, object]]:
    """Code and path of each diagnostic."""
    return [(d.code, d.path) for d in result.diagnostics]


def test_local_is_there_without_metadata() -> None:
    """The built-in provider does not depend on how dcplan was installed."""
    assert "local" in {point.name for point in installed()}
    assert discover(["local"], available=lambda: [_point("local", "dcplan.provider.local:provider")]).ok


def test_only_what_is_named_is_loaded() -> None:
    """A provider that the document does not name is not imported."""
    loaded: list[str] = []

    def load(point: EntryPoint) -> object:
        loaded.append(point.name)
        return dict

    found = discover(["aws"], available=lambda: [_point("aws", "a:b"), _point("gcp", "c:d")], load=load)

    assert list(found.unwrap()) == ["aws"]
    assert loaded == ["aws"]


def test_an_absent_provider_names_its_package() -> None:
    """A provider of our own that is not installed comes with the command that installs it."""
    (problem,) = discover(["aws"], available=list).diagnostics

    assert problem.code == "provider-not-installed"
    assert problem.path == ("providers", "aws")
    assert problem.detail.endswith("(dcplan-aws). In a checkout of dcplan: pip install ./providers/aws")


def test_a_misspelt_provider_gets_a_suggestion() -> None:
    """A name near a known one is answered with it."""
    (problem,) = discover(["locl"]).diagnostics

    assert 'Did you mean "local"?' in problem.detail


def test_two_packages_of_one_name_are_refused() -> None:
    """Nobody chooses for the user between two providers of one name."""
    (problem,) = discover(["x"], available=lambda: [_point("x", "a:b"), _point("x", "c:d")]).diagnostics

    assert problem.code == "provider-twice"
    assert "a:b" in problem.detail
    assert "c:d" in problem.detail


def test_one_package_seen_twice_is_one() -> None:
    """An editable install that shows up twice does no harm."""
    twice = [_point("local", "dcplan.provider.local:provider")] * 2

    assert discover(["local"], available=lambda: twice).ok


def test_a_broken_import_is_a_diagnostic() -> None:
    """A provider that cannot be imported is told with its reason; the others are still there."""
    points = [_point("bad", "dcplan.no_such_module:provider"), *installed()]
    found = discover(["bad", "local"], available=lambda: points)

    assert [d.code for d in found.diagnostics] == ["provider-broken"]
    assert "no_such_module" in found.diagnostics[0].detail
    assert list(found.unwrap()) == ["local"]


def test_an_entry_point_must_name_a_function() -> None:
    """An entry point that leads to something else is the provider's bug."""
    (problem,) = discover(
        ["x"], available=lambda: [_point("x", "dcplan.provider.discover:GROUP")]
    ).diagnostics

    assert "This is a bug in the provider." in problem.detail


def old(settings: Mapping[str, object], root: Path) -> Result[object]:
    """The factory of a provider that speaks version 0."""
    return Result(SimpleNamespace(info=SimpleNamespace(api_version=0)))


def picky(settings: Mapping[str, object], root: Path) -> Result[object]:
    """The factory of a provider that likes no settings."""
    return Result(None, (error("odd", "Odd", path=("providers", "picky", *settings)),))


def test_a_provider_of_another_protocol_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider that speaks another version of the protocol is not used."""
    opened = open_providers({"old": {}}, Path(), available=_module_of(monkeypatch, "old"))

    assert _codes(opened) == [("provider-version", ("providers", "old"))]
    assert opened.unwrap() == {}


def test_what_a_provider_says_of_its_settings_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Diagnostics of a provider's settings reach the reader; the provider is left out."""
    opened = open_providers({"picky": {"zone": 1}}, Path(), available=_module_of(monkeypatch, "picky"))

    assert _codes(opened) == [("odd", ("providers", "picky", "zone"))]


def test_local_opens_with_its_settings(tmp_path: Path) -> None:
    """The built-in provider is made from the document's settings and folder."""
    (tmp_path / "dc.yaml").write_text(INVENTORY)
    opened = open_providers({"local": {"datacenter": "dc.yaml"}}, tmp_path)

    assert opened.diagnostics == ()
    assert opened.unwrap()["local"].info.name == "local"


def test_wrong_settings_of_local_are_placed(tmp_path: Path) -> None:
    """A misspelt setting is told with its path in the document."""
    opened = open_providers({"local": {"datacentre": "dc.yaml"}}, tmp_path)

    assert opened.unwrap() == {}
    assert {d.path[:2] for d in opened.diagnostics if d.path} == {("providers", "local")}
