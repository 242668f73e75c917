"""Saved plans and backups under ``encryption`` of the document."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from dcplan.plan import sealed
from dcplan.plan.sealed import Sealer, is_sealed
from dcplan.workflow import sealing

if TYPE_CHECKING:
    from conftest import Small

KEY = {"DCPLAN_PASSPHRASE": "a passphrase that is long"}
OTHER = {"DCPLAN_PASSPHRASE": "another that is as long"}
ROLLED = {**OTHER, "BEFORE": KEY["DCPLAN_PASSPHRASE"]}


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are made quickly; those of users take half a second each."""
    monkeypatch.setattr(sealed, "ROUNDS", 1000)
    monkeypatch.setattr(sealing, "Sealer", partial(Sealer, rounds=1000))


def encrypted(small: Small, text: str) -> None:
    """Give the document a section ``encryption``."""
    path = small.folder / "dcplan.yaml"
    path.write_text(f"{path.read_text().partition('encryption:')[0].rstrip()}\nencryption: {text}\n")


def words(text: str) -> str:
    """Without line breaks."""
    return " ".join(text.split())


def test_a_key_with_nothing_under_it_is_not_the_same_as_none(small: Small) -> None:
    """Who writes ``encryption:`` and no more is told, and nothing plain is written."""
    encrypted(small, "")
    checked, planned = small.run("validate"), small.run("plan", "-out", "p")

    assert (checked.exit_code, planned.exit_code) == (1, 1)
    for answer in (checked, planned):
        assert "error: Encryption needs exactly one key" in answer.stderr
    assert not (small.folder / "p").exists()


def test_an_encrypted_plan_is_applied_with_its_key_alone(small: Small) -> None:
    """It holds no word of the plan; without the key, or with another, it is refused and nothing changes."""
    encrypted(small, "{passphrase: {}}")
    unset, short = small.run("plan", "-out", "p"), small.run("plan", env={"DCPLAN_PASSPHRASE": "short"})
    assert unset.exit_code == 1
    assert "the passphrase in DCPLAN_PASSPHRASE, which is not set here" in words(unset.stderr)
    assert not (small.folder / "p").exists()
    assert short.exit_code == 0  # Nothing is written, so no key is asked for.

    planned = small.run("plan", "-out", "p", env=KEY)
    content = (small.folder / "p").read_bytes()
    wrong, none = small.run("apply", "p", env=OTHER), small.run("apply", "p")
    shown, done = small.run("show", "p", env=KEY), small.run("apply", "p", env=KEY)

    assert is_sealed(content)
    assert b"chat" not in content
    assert "error: The plan cannot be decrypted" in wrong.stderr
    assert "error: There is no passphrase" in none.stderr
    assert planned.stdout.startswith(shown.stdout.rstrip("\n"))
    assert done.exit_code == 0, done.output


def test_a_plain_plan_in_place_of_an_encrypted_one_is_refused_without_a_document(
    small: Small,
) -> None:
    """A job that has the passphrase and the plan alone takes no plan that somebody put there unencrypted."""
    small.run("plan", "-out", "p")
    (small.folder / "dcplan.yaml").unlink()
    refused, shown = small.run("apply", "p", env=KEY), small.run("show", "p")

    assert refused.exit_code == 1
    assert "error: The plan is not encrypted" in refused.stderr
    assert shown.exit_code == 0, shown.output
    assert not (small.folder / ".dcplan" / "state.sqlite").exists()


def test_keys_are_rolled_over_and_plain_files_are_refused(small: Small) -> None:
    """The old key reads through the fallback; a plain plan is read only where the document allows it."""
    small.run("plan", "-out", "plain")
    encrypted(small, "{passphrase: {}}")
    small.run("plan", "-out", "old", env=KEY)
    refused = small.run("show", "plain", env=KEY)
    encrypted(small, "{passphrase: {}, fallback: unencrypted}")
    allowed = small.run("show", "plain", env=KEY)
    encrypted(small, "{passphrase: {}, fallback: {passphrase: {env: BEFORE}}}")
    rolled = small.run("show", "old", env=ROLLED)

    assert (refused.exit_code, allowed.exit_code, rolled.exit_code) == (1, 0, 0)
    assert "error: The plan is not encrypted" in refused.stderr


def test_what_contradicts_itself_is_told_at_its_line(small: Small) -> None:
    """Enforced with an exception, one variable for both keys, a word that means nothing."""
    for text, said in (
        ("{passphrase: {}, enforced: true, fallback: unencrypted}", "Encryption is enforced and not"),
        ("{passphrase: {}, fallback: {passphrase: {}}}", "The fallback is the key itself"),
        ("{passphrase: {}, fallback: plain}", "unencrypted"),
        ("{passphrase: {env: a-b}}", "This cannot be the name of a variable"),
        ("{}", "passphrase"),
        ("{passphrase: }", "passphrase"),
    ):
        encrypted(small, text)
        done, planned = small.run("validate"), small.run("plan", "-out", "p", env=KEY)

        assert (done.exit_code, planned.exit_code) == (1, 1), text
        assert said in done.stderr
        assert "dcplan.yaml:" in done.stderr
    encrypted(small, "{passphrase: {}, enforced: true}")
    assert "warning: The local state is not encrypted" in small.run("validate").stderr


def test_backups_of_the_state_are_encrypted_and_can_be_pushed(applied: Small) -> None:
    """A change by hand asks for the key before anything is changed, and its backup opens with it."""
    encrypted(applied, "{passphrase: {}}")
    before = applied.known()
    unset = applied.run("state", "rm", "local.replica.chat-0", "-auto-approve")
    still = applied.known()
    applied.run("state", "rm", "local.replica.chat-0", "-auto-approve", env=KEY)
    (backup,) = (applied.folder / ".dcplan" / "backups").glob("*")
    wrong = applied.run("state", "push", str(backup), "-force", "-auto-approve", env=OTHER)
    done = applied.run("state", "push", str(backup), "-force", "-auto-approve", env=KEY)

    assert (unset.exit_code, wrong.exit_code, done.exit_code) == (1, 1, 0)
    assert still == before
    assert is_sealed(backup.read_bytes())
    assert "error: The backup cannot be decrypted" in wrong.stderr
    assert applied.known() == before
