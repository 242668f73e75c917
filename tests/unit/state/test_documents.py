"""States as documents, and whether they hold together."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema

from dcplan.resources import Address, Resource
from dcplan.resources.digest import digest_of
from dcplan.state import State, check, from_json, json_schema, to_json

_NET = Address("local", "network", "net")
_HOST = Address("local", "machine", "h100-0")


def _state() -> State:
    net = Resource(address=_NET, attributes={"cidr": "10.0.0.0/8"}, outputs={"id": "n-1"})
    host = Resource(
        address=_HOST,
        attributes={"gpus": 8, "labels": {"a": [1, 2.5, None, True]}},
        needs=(_NET,),
        known_after_apply=("id",),
        outputs={"id": "i-1"},
        protect=True,
    )
    return State(lineage="l", serial=7, resources={_HOST: host, _NET: net}, deployment={"project": "x"})


def test_a_state_survives_its_document() -> None:
    """Written and read again, a state is equal, without a diagnostic."""
    result = from_json(to_json(_state()))

    assert (_state(), ()) == (result.value, result.diagnostics)


def test_documents_fit_their_schema_and_name_addresses_as_text() -> None:
    """What is written validates against the schema; addresses print as everywhere else."""
    document = json.loads(to_json(_state()))
    jsonschema.validate(document, json_schema())

    assert [r["address"] for r in document["resources"]] == ["local.machine.h100-0", "local.network.net"]


def test_a_document_with_mistakes_is_refused_with_their_places() -> None:
    """Unknown keys, missing keys and broken addresses are told with where they stand."""
    document = json.loads(to_json(_state()))
    document["resources"][0]["address"] = "nodots"
    document["resources"][1]["colour"] = "red"
    del document["lineage"]
    result = from_json(json.dumps(document))

    assert result.value is None
    assert {d.code for d in result.diagnostics} == {"state-damaged"}
    assert {"resources.0.address", "resources.1.colour", "lineage"} == {
        d.detail.split()[1].rstrip(":") for d in result.diagnostics
    }


def test_text_that_is_no_json_is_refused() -> None:
    """Half a document is an error, not an empty state."""
    result = from_json(to_json(_state())[:40])

    assert [d.code for d in result.diagnostics] == ["state-damaged"]


def test_a_circle_of_needs_is_an_error() -> None:
    """Resources that need each other are found."""
    state = _state()
    net = replace(state.resources[_NET], needs=(_HOST,))
    found = check(replace(state, resources={**state.resources, _NET: net}))

    assert [d.code for d in found] == ["state-cycle"]


def test_a_missing_need_is_a_warning_and_a_wrong_name_an_error() -> None:
    """Both are told, with the address."""
    host = _state().resources[_HOST]
    found = check(State(lineage="l", resources={_NET: replace(host, needs=())}))
    alone = check(State(lineage="l", resources={_HOST: host}))

    assert [("state-address", str(_NET))] == [(d.code, d.address) for d in found]
    assert [(d.code, d.severity.value) for d in alone] == [("state-need-missing", "warning")]


def test_a_digest_is_equal_exactly_for_equal_resources() -> None:
    """Order and tuples do not count; every field does; nothing has no digest."""
    net = Address("local", "network", "other")
    one = Resource(address=_HOST, attributes={"a": (1, 2), "b": 1}, needs=(_NET, net))
    same = Resource(address=_HOST, attributes={"b": 1, "a": [1, 2]}, needs=(net, _NET))
    others = [
        replace(one, address=net),
        replace(one, attributes={"a": (1, 2), "b": 2}),
        replace(one, needs=(_NET,)),
        replace(one, outputs={"id": "x"}),
        replace(one, known_after_apply=("id",)),
        replace(one, protect=True),
    ]

    assert digest_of(one) == digest_of(same)
    assert len({digest_of(r) for r in [one, *others]}) == 7
    assert digest_of(None) is None
