"""``explain`` of what binds, and of what a workload does not run on."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.e2e.conftest import Small

EXAMPLE = Path(__file__).parents[2] / "examples" / "01-chat-and-pretrain"


def test_what_binds_is_told_of_one_workload(small: Small) -> None:
    """The text says how many rules were tried; the JSON has the same."""
    text, data = small.run("explain", "chat").stdout, small.data("explain", "chat")

    assert "What binds" in text
    assert data["prices"]["workload"] == "chat"
    assert data["prices"]["tried"] >= len(data["prices"]["binding"])


def test_why_not_says_that_it_does(small: Small) -> None:
    """Asked for the machines that it runs on, the answer is that it does."""
    machine = "l40sx2"
    text = small.run("explain", "chat", "--why-not", machine).stdout

    assert f"Why not chat on {machine}? It does" in text


def test_why_not_of_what_is_not_on_offer_suggests(small: Small) -> None:
    """A name that nothing on offer has is an error with the nearest that there is, in JSON too."""
    done = small.run("explain", "chat", "-why-not", "l40sx3")
    data = small.data("explain", "chat", "-why-not", "L40S@nowhere")

    assert done.exit_code == 1
    assert 'Did you mean "l40sx2"?' in done.stderr
    assert data["diagnostics"][0]["code"] == "why-not-unknown"


def test_why_not_needs_a_workload(small: Small) -> None:
    """Without one the command says how to ask."""
    done = small.run("explain", "--why-not", "l40sx2")

    assert done.exit_code == 1
    assert "asks about one workload" in done.stderr


def test_why_not_tells_the_dollars_though_other_rules_forbid_it_too(tmp_path: Path) -> None:
    """The example's budget, spread and machines each forbid the older chips, and each says what is short."""
    folder = tmp_path / "example"
    shutil.copytree(EXAMPLE, folder)
    done = Small(folder).run("explain", "chat", "--why-not", "a100-80@fra1-a")
    said = " ".join(done.stdout.split())

    assert re.search(r"the nearest placement is \$[\d,.]+/h over the budget of \$400/h\.", said)
    assert re.search(r"the nearest placement is \d+ machines short in pool fra1-a/a2/a100x8\.", said)
    assert '"chat" is spread evenly over at least 2 zones' in said
