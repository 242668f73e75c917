"""The commands that only look: show, state, graph, explain, schema, version."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.e2e.conftest import Small


def test_show_tells_what_was_applied_last(applied: Small) -> None:
    """Show has the workloads, the counts and the price of what runs; as JSON the whole state."""
    text, data = applied.run("show").stdout, applied.data("show")

    assert "chat  serve llama-3.1-8b" in text
    assert re.search(r"\d+ resources: 1 local\.endpoint, \d+ local\.machine, \d+ local\.replica\.", text)
    assert len(data["resources"]) == len(applied.known())
    assert data["deployment"]["usd_per_h"] > 0


def test_show_and_state_before_the_first_apply(small: Small) -> None:
    """Nothing there is no mistake, except where a state is asked for."""
    shown, listed, pulled = small.run("show"), small.run("state", "list"), small.run("state", "pull")

    assert (shown.exit_code, shown.stdout) == (0, "Nothing has been applied yet. Next: dcplan plan\n")
    assert (listed.exit_code, listed.stdout) == (0, "")
    assert small.data("show")["resources"] == []
    assert small.data("state", "list")["addresses"] == []
    assert pulled.exit_code == 1
    assert "error: There is no state" in pulled.stderr
    assert not small.touched()


def test_state_list_show_and_pull(applied: Small) -> None:
    """List has every address, or those with a prefix; show one resource; pull the whole state."""
    addresses = [address for address, _, _ in applied.known()]
    machines = [a for a in addresses if a.startswith("local.machine.")]
    one = applied.run("state", "show", machines[0]).stdout
    data = applied.data("state", "show", machines[0])
    pulled = json.loads(applied.run("state", "pull").stdout)

    assert applied.run("state", "list").stdout.split() == addresses
    assert applied.run("state", "list", "local.machine.").stdout.split() == machines
    assert applied.data("state", "list")["addresses"] == addresses
    assert one.splitlines()[0] == machines[0]
    assert "l40sx2" in one
    assert data["address"] == machines[0]
    assert data["outputs"]["id"].startswith("machine-")
    assert [r["address"] for r in pulled["resources"]] == addresses


def test_state_show_of_nothing_suggests(applied: Small) -> None:
    """An address that is not there: an error with the nearest one, in JSON too."""
    done, data = applied.run("state", "show", "local.endpoint.chta"), applied.data("state", "show", "x")

    assert done.exit_code == 1
    assert 'Did you mean "local.endpoint.chat"?' in done.stderr
    assert data["diagnostics"][0]["code"] == "no-resource"


def test_graph_is_dot(small: Small) -> None:
    """Every resource is a node, every need an edge between nodes; nothing is written."""
    text, data = small.run("graph").stdout, small.data("graph")
    nodes = re.findall(r'^  "([^"]+)";$', text, re.MULTILINE)
    edges = re.findall(r'^  "([^"]+)" -> "([^"]+)";$', text, re.MULTILINE)

    assert text.startswith("digraph dcplan {\n")
    assert text.endswith("}\n")
    assert {r["address"] for r in data["resources"]} == set(nodes)
    assert {end for edge in edges for end in edge} <= set(nodes)
    assert ("local.endpoint.chat", "local.replica.chat-0") in edges
    assert not small.touched()


def test_explain_adds_up_and_lists_alternatives(small: Small) -> None:
    """Explain shows the parts of each prediction with its basis, the memory and the layouts."""
    text, data = small.run("explain", "chat").stdout, small.data("explain")
    chosen = data["workloads"][0]["chosen"]["candidate"]

    for words in ("Chosen: ", "TTFT p95", "Memory of the fullest device", "Layouts that keep the promise"):
        assert words in text
    assert max(len(line) for line in text.splitlines()) <= 110
    assert chosen["id"] in {a["candidate"]["id"] for a in data["workloads"][0]["alternatives"]}
    for predicted in chosen["estimate"]["predicted"]:
        parts = predicted["estimate"]["parts"]
        assert sum(part["seconds"] for part in parts) <= predicted["bound_s"]


def test_explain_of_an_unknown_workload_suggests(small: Small) -> None:
    """A mistyped name: an error with the nearest one."""
    done = small.run("explain", "chta")

    assert done.exit_code == 1
    assert 'Did you mean "chat"?' in done.stderr


def test_schema_prints_json_schema(small: Small) -> None:
    """Without a name the formats, with one its schema, with a wrong one a way out."""
    names = small.run("schema").stdout.split()
    wrong = small.run("schema", "documnt")

    assert "document.v1" in names
    for name in names:
        assert json.loads(small.run("schema", name).stdout)["$schema"].startswith("https://json-schema.org/")
    assert wrong.exit_code == 1
    assert "document.v1" in wrong.stderr


def test_version_as_text_and_json(small: Small) -> None:
    """Version names dcplan, Python and the solver."""
    data = small.data("version")

    assert {"dcplan", "python", "ortools"} <= set(data)
    assert small.run("version").stdout.splitlines()[0] == f"dcplan {data['dcplan']}"
    assert small.run("-V").stdout == f"dcplan {data['dcplan']}\n"
