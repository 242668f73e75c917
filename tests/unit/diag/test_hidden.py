"""What is hidden is found however it is spelled, and nothing else is touched."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from dcplan.diag.hidden import (
    SHOWN_INSTEAD,
    clean_logs,
    forget_hidden,
    hidden_in,
    hide,
    redacted,
    without_hidden,
)
from dcplan.provider.types import Found
from dcplan.resources import Address

SECRET = 's3cret "of" the/häll\\ & more'  # noqa: S105 - what the tests look for


@pytest.fixture(autouse=True)
def nothing_before() -> Iterator[None]:
    """Each test hides its own."""
    forget_hidden()
    yield
    forget_hidden()


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        json.dumps(SECRET),
        json.dumps(SECRET, ensure_ascii=False),
        repr(SECRET),
        quote(SECRET),
        quote(SECRET, safe=""),
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_found_as_programs_spell_it(spelled: str) -> None:
    """In JSON, in a URL, in Base64 and in what Python shows of a value."""
    hide([SECRET])

    assert hidden_in(f"error: x={spelled}!")
    assert redacted(f"error: x={spelled}!").replace('"', "").replace("'", "") in {
        f"error: x={SHOWN_INSTEAD}!",
        f"error: x={SHOWN_INSTEAD}=!",  # What Base64 fills up with says nothing.
        f"error: x={SHOWN_INSTEAD}==!",
    }


def test_a_secret_of_several_lines_is_found_line_by_line() -> None:
    """A key in PEM that is wrapped anew is as much of a secret; a newline at its end makes no difference."""
    lines = ["-----BEGIN A KEY-----", "c2VjcmV0IG9mIHRoZSBoYWxs", "bW9yZSBzZWNyZXRzIGhlcmU="]
    hide(["\n".join(lines) + "\n"])

    assert redacted("\n".join(lines)) == SHOWN_INSTEAD
    assert lines[1] not in redacted(f"bad line: {lines[1]}, sorry")


def test_values_are_cleaned_in_all_their_parts() -> None:
    """Names, nested texts and numbers; what holds nothing hidden is the very same object."""
    hide(["471147", "the token of the hall"])
    clean: dict[str, Any] = {"id": "m-1", "count": 4711, "ok": True, "none": None, "deep": [{"a": (1.5,)}]}
    told: dict[str, Any] = {"the token of the hall": 1, "deep": [{"pin": 471147}, ("471147",)], "n": 4711}

    assert without_hidden(clean) is clean
    assert without_hidden(told) == {
        SHOWN_INSTEAD: 1,
        "deep": [{"pin": SHOWN_INSTEAD}, (SHOWN_INSTEAD,)],
        "n": 4711,
    }


def test_an_address_that_is_a_secret_is_hidden_whole() -> None:
    """Not only its password: user and host are a part of what was hidden."""
    hide(["postgres://ann:pw@db.internal/states"])

    assert (
        redacted("no answer from postgres://ann:pw@db.internal/states.") == f"no answer from {SHOWN_INSTEAD}."
    )


def test_an_object_keeps_its_id() -> None:
    """Outputs and attributes are cleaned; without its id nobody would find the object again."""
    hide(["the token of the hall"])
    found = Found(
        object_id="the token of the hall",
        address=Address("p", "k", "n"),
        ready=True,
        attributes={"a": "the token of the hall"},
        outputs={"id": "the token of the hall", "url": "x-the token of the hall"},
    )

    assert found.attributes == {"a": SHOWN_INSTEAD}
    assert found.outputs == {"id": "the token of the hall", "url": f"x-{SHOWN_INSTEAD}"}


def test_log_lines_that_nobody_else_prints_are_cleaned(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Message, arguments and exception of a line that Python prints by itself."""
    hide(["the token of the hall"])
    clean_logs()
    clean_logs()
    log = logging.getLogger("of-nobody")
    monkeypatch.setattr(log, "propagate", False)
    try:
        raise ValueError("the token of the hall")  # noqa: TRY301 - to have one
    except ValueError:
        log.exception("cannot use %s", "the token of the hall")
    said = capsys.readouterr().err

    assert f"cannot use {SHOWN_INSTEAD}" in said
    assert f"ValueError: {SHOWN_INSTEAD}" in said
    assert "token of" not in said
