"""A password in the backend's settings is refused by every command, and shown, kept and written by none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from folder_servers import IN_A, append, folder_servers

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.conftest import Small

SECRET = "hunter2"  # noqa: S105 - what the tests look for
COMMANDS = (
    ("validate",),
    ("init",),
    ("init", "-reconfigure"),
    ("init", "-migrate-state", "-auto-approve"),
    ("plan",),
    ("apply", "-auto-approve"),
    ("state", "list"),
)
WITH_PASSWORD = (
    "backend: {postgres: {url: 'postgresql://ann:hunter2@db.example.com/infra'}}",
    "backend:\n  postgres:\n    url: postgresql://ann@db.example.com/infra?sslmode=require&password=hunter2",
    "backend: {postgres: {url: 'postgresql://db.example.com/infra?p%61ssword=hunter2'}}",
    "backend: {postgres: {url: \"host=db.example.com password='hunter2 a' user=ann\"}}",
    "backend: {postgres: {url: 'postgresql://ann:hunter2/x@db.example.com/infra'}}",
    "backend: {s3: {bucket: a, endpoint: 'https://ann:hunter2@s3.example.com'}}",
    "backend: {gcs: {bucket: a, endpoint: 'https://hunter2@gcs.example.com'}}",
)


def said_by(small: Small, *arguments: str) -> str:
    """All that a command prints, for people and for programs; it must fail."""
    done = [small.run(*arguments), small.run(*arguments, "--json")]

    assert [one.exit_code for one in done] == [1, 1], done[0].output
    return " ".join("".join(one.output for one in done).split())


def written_in(small: Small) -> bytes:
    """All that was written below the folder but the document."""
    files = (p for p in small.folder.rglob("*") if p.is_file() and p.name != "dcplan.yaml")
    return b"".join(p.read_bytes() for p in files)


@pytest.mark.parametrize("text", WITH_PASSWORD)
def test_every_command_refuses_a_password_and_shows_it_never(small: Small, text: str) -> None:
    """The place and the way out are told, nothing is written, and the line is shown without its secret."""
    append(small.folder, f"\n{text}\n")
    for command in COMMANDS:
        said = said_by(small, *command)

        assert SECRET not in said, said
        assert "error: A secret stands in the settings" in said
        assert "backend-secret" in said
        assert ("PGPASSWORD" in said) == ("postgres" in text)
        assert "***" in said
    assert SECRET.encode() not in written_in(small)


def test_a_password_that_comes_in_from_outside_is_refused_as_well(small: Small) -> None:
    """By a variable, by the environment, and by a flag."""
    address = f"postgresql://ann:{SECRET}@db.example.com/infra"
    append(small.folder, "\nbackend: {postgres: {url: '${var.at}'}}\n")
    small.replace("variables:\n", "variables:\n  at: {default: ''}\n")
    by_variable = said_by(small, "plan", "-var", f"at={address}")
    small.replace("${var.at}", "${env.STATE_AT}")
    by_environment = small.run("plan", env={"STATE_AT": address})
    small.replace("{url: '${env.STATE_AT}'}", "{}")
    by_flag = said_by(small, "init", f"-backend-config=url={address}")
    (small.folder / "more.yaml").write_text(f"url: {address}\n")
    by_file = said_by(small, "init", "-backend-config=more.yaml")

    for said in (by_variable, by_environment.output, by_flag, by_file):
        assert "A secret stands in the settings" in said
        assert SECRET not in said
    (small.folder / "more.yaml").unlink()
    assert SECRET.encode() not in written_in(small)


@pytest.mark.parametrize(
    "text",
    [
        "backend: {s3: {bucket: a, secret_key: hunter2}}",
        "backend: {s3: {bucket: a, aws_secret_access_key: 'hunter2'}}",
        "backend: {postgres: {url: 'postgresql://ann@db/infra', password: hunter2}}",
        "backend: {postgres: {url: 'postgresql://ann@db/infra?wrong=hunter2'}}",
        "backend: {s3: {bucket: 's3://ann:hunter2@a'}}",
        "backend: {postgres: {url: 'postgresql://ann:hunter2@db/infra', schmea: x}}",
        "backend: {postgres: {url: ['postgresql://ann:hunter2@db/infra']}}",
        "backend: {postgres: {url: 'postgresql://ann:hunter2@db/infra'}",
    ],
)
def test_a_secret_in_the_wrong_place_is_not_shown_either(small: Small, text: str) -> None:
    """Settings that there are not, addresses that cannot be read, other mistakes on the same line."""
    append(small.folder, f"\n{text}\n")

    assert SECRET not in said_by(small, "init")
    assert SECRET.encode() not in written_in(small)


def test_a_password_in_a_file_that_somebody_edited_is_not_printed(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The words for a backend that has changed name both places, without it."""
    folder_servers(tmp_path / "buckets", monkeypatch)
    append(small.folder, "\nbackend:\n  gcs: {prefix: chat}\n")
    assert small.run("init", IN_A).exit_code == 0
    written = small.folder / ".dcplan" / "backend.json"
    address = f"postgresql://ann:{SECRET}@db/infra"
    written.write_text(
        written.read_text().replace('"gcs"', '"postgres"').replace('"bucket": "a"', f'"url": "{address}"')
    )
    said = said_by(small, "plan")

    assert "The backend has changed" in said
    assert "postgresql://ann:***@db/infra" in said
    assert SECRET not in said
