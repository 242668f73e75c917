"""A state on a server: prepared by init, moved there and back, shared, and never confused with another."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from blobs_for_tests import FolderBlobs
from dcplan.apply.ledger import Ledger, Wish
from dcplan.resources import Action, Address, Resource
from dcplan.state import LockInfo
from dcplan.state.log import open_log
from folder_servers import BACKEND, IN_A, append, folder_servers

if TYPE_CHECKING:
    from tests.e2e.conftest import Small


@pytest.fixture
def servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Buckets ``a`` and ``b``."""
    return folder_servers(tmp_path / "buckets", monkeypatch)


@pytest.fixture
def remote(small: Small, servers: Path) -> Small:
    """A project whose state is in bucket ``a``, applied."""
    append(small.folder, BACKEND)
    assert small.run("init", IN_A).exit_code == 0
    assert small.run("apply", "-auto-approve").exit_code == 0
    return small


def local_file(small: Small) -> Path:
    """Where a local state is."""
    return small.folder / ".dcplan" / "state.sqlite"


def test_everything_works_on_a_server(remote: Small, servers: Path) -> None:
    """Apply, plan, list, history and destroy; nothing of the state is in the folder."""
    unchanged = remote.run("plan", "-detailed-exitcode")
    listed = remote.run("state", "list").stdout.split()
    again = remote.data("init")
    gone = remote.run("destroy", "-auto-approve")

    assert unchanged.exit_code == 0, unchanged.output
    assert "local.endpoint.chat" in listed
    assert again["backend"] == "gcs"
    assert gone.exit_code == 0, gone.output
    assert remote.objects() == []
    assert not local_file(remote).exists()
    assert (servers / "a" / "chat" / "b-state.json").exists()


def test_another_checkout_sees_the_same_state(remote: Small, tmp_path: Path) -> None:
    """A colleague prepares another folder with the same document: nothing is to be made."""
    other = type(remote)(tmp_path / "other")
    other.folder.mkdir()
    for name in ("dcplan.yaml", "datacenter.yaml"):
        (other.folder / name).write_bytes((remote.folder / name).read_bytes())
    before = other.run("plan")
    prepared = other.run("init", IN_A)

    assert "backend is not prepared" in before.stderr
    assert prepared.exit_code == 0, prepared.output
    assert other.run("state", "list").stdout == remote.run("state", "list").stdout


@pytest.mark.parametrize("arguments", [["plan"], ["apply", "-auto-approve"], ["state", "list"], ["show"]])
def test_a_backend_that_was_not_prepared_is_refused(
    small: Small, servers: Path, arguments: list[str]
) -> None:
    """Before init nothing is read and nothing made, and the line of the backend is shown."""
    append(small.folder, BACKEND)
    done = small.run(*arguments)

    assert done.exit_code == 1
    assert "error: The backend is not prepared" in done.stderr
    assert "(backend)" in done.stderr
    assert "Run: dcplan init" in " ".join(done.stderr.split())
    assert not small.touched()


@pytest.mark.parametrize("arguments", [["plan"], ["state", "list"], ["init"]])
def test_a_backend_that_changed_is_refused(remote: Small, arguments: list[str]) -> None:
    """Another prefix is another state: the user chooses whether it moves."""
    remote.replace("prefix: chat", "prefix: talk")
    done = remote.run(*arguments)
    said = " ".join(done.stderr.split())

    assert done.exit_code == 1
    assert "error: The backend has changed" in said
    assert "init -migrate-state" in said
    assert "init -reconfigure" in said


def test_a_state_moves_to_a_server_and_back(applied: Small, servers: Path) -> None:
    """Resources, history and tries go along both ways; nothing is made anew; the source stays."""
    before = applied.state()
    append(applied.folder, BACKEND)
    asked = applied.run("init", "-migrate-state", IN_A)
    there = applied.run("init", "-migrate-state", IN_A, "-auto-approve")
    moved = open_log(FolderBlobs(servers / "a" / "chat"), create=False).unwrap()
    unchanged = applied.run("plan", "-detailed-exitcode")
    runs = len(applied.data("history")["runs"])
    assert applied.run("apply", "-auto-approve", "-var", "load=75/s").exit_code == 0
    applied.replace(BACKEND, "")
    back = applied.run("init", "-migrate-state", "-auto-approve")

    assert asked.exit_code == 1
    assert there.exit_code == 0, there.output
    assert "what is there stays there" in there.stdout
    assert moved.read() == before
    assert unchanged.exit_code == 0, unchanged.output
    assert runs == 1
    assert back.exit_code == 0, back.output
    assert applied.state().serial > before.serial
    assert applied.known() == applied.objects()


def test_a_state_is_never_written_over_another(remote: Small, small: Small, servers: Path) -> None:
    """The new place holds a state of another lineage: refused, and both are as they were."""
    blobs = FolderBlobs(servers / "b" / "chat")
    stranger = open_log(blobs, create=True).unwrap()
    with stranger.lock(LockInfo(pid=1, who="a@b", operation="x", since="now")).unwrap():
        stranger.set_deployment({"project": "other"})
    done = remote.run("init", "-migrate-state", "-backend-config=bucket=b", "-auto-approve")

    assert done.exit_code == 1
    assert "error: The new place holds another state" in done.stderr
    assert open_log(blobs, create=False).unwrap().read() == stranger.read()
    assert remote.run("plan", "-detailed-exitcode").exit_code == 0


def test_a_newer_state_is_not_written_over(applied: Small, servers: Path) -> None:
    """Back from a server without taking along what was applied there: the older one may not follow."""
    append(applied.folder, BACKEND)
    applied.run("init", "-migrate-state", IN_A, "-auto-approve")
    applied.run("apply", "-auto-approve", "-var", "load=75/s")
    (applied.folder / ".dcplan" / "backend.json").unlink()
    done = applied.run("init", "-migrate-state", IN_A, "-auto-approve")

    assert done.exit_code == 1
    assert "error: The new place holds a newer state" in done.stderr
    assert applied.run("init", "-reconfigure", IN_A).exit_code == 0
    assert applied.known() != applied.objects()


def test_a_place_with_calls_of_its_own_is_not_written_over(
    remote: Small, servers: Path, tmp_path: Path
) -> None:
    """Moved, then killed at its first call there: a colleague with the old place may not move over that."""
    colleague = type(remote)(tmp_path / "colleague")
    shutil.copytree(remote.folder, colleague.folder)
    moved = remote.run("init", "-migrate-state", "-backend-config=bucket=b", "-auto-approve")
    host = Resource(address=Address("local", "machine", "new-0"), attributes={})
    with closing(open_log(FolderBlobs(servers / "b" / "chat"), create=False).unwrap()) as store:
        store.lock(LockInfo(pid=1, who="ann", operation="apply", since="noon")).unwrap()
        wish = Wish(address=host.address, action=Action.CREATE, resource=host)
        open_call = Ledger(store).operation(wish, run_id="r", epoch=store.epoch, now_s=0.0)
        store.intents([open_call])
    again = colleague.run("init", "-migrate-state", "-backend-config=bucket=b", "-auto-approve")
    there = open_log(FolderBlobs(servers / "b" / "chat"), create=False).unwrap()

    assert moved.exit_code == 0
    assert again.exit_code == 1
    assert "error: The new place holds a newer state" in again.stderr
    assert [o.op_id for o in there.open_operations()] == [open_call.op_id]
    there.close()


def test_an_older_state_put_back_is_refused_until_it_is_agreed_to(remote: Small, servers: Path) -> None:
    """Last week's blobs in place of today's: no command takes them, init -reconfigure does."""
    folder = servers / "a" / "chat"
    last_week = {file: file.read_bytes() for file in folder.iterdir()}
    remote.run("apply", "-auto-approve", "-var", "load=75/s")
    for file in folder.iterdir():
        file.unlink()
    for file, body in last_week.items():
        file.write_bytes(body)
    refused = remote.run("plan")
    agreed = remote.run("init", "-reconfigure")

    assert refused.exit_code == 1
    assert "error: The state is older than what was seen here before" in refused.stderr
    assert agreed.exit_code == 0, agreed.output
    assert remote.run("plan").exit_code == 0


def test_a_state_that_has_gone_is_never_an_empty_one(remote: Small, servers: Path) -> None:
    """All blobs deleted: apply makes nothing a second time."""
    before = remote.objects()
    for file in (servers / "a" / "chat").iterdir():
        file.unlink()
    done = remote.run("apply", "-auto-approve")

    assert done.exit_code == 1
    assert "state.json has gone" in done.stderr
    assert remote.objects() == before


def test_settings_come_from_flags_files_and_the_environment(
    small: Small, servers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last -backend-config wins, variables work, and what the environment holds is not written down."""
    append(small.folder, "\nbackend:\n  gcs: {prefix: '${env.SECRET_PREFIX}', bucket: '${var.where}'}\n")
    small.replace("variables:\n", "variables:\n  where: {default: a}\n")
    (small.folder / "more.yaml").write_text("bucket: nowhere\n")
    monkeypatch.setenv("SECRET_PREFIX", "hush")
    done = small.run("init", "-backend-config=more.yaml", "-backend-config=bucket=b")
    written = (small.folder / ".dcplan" / "backend.json").read_text()
    monkeypatch.delenv("SECRET_PREFIX")
    unset = small.run("plan")

    assert done.exit_code == 0, done.output
    assert (servers / "b" / "hush" / "b-state.json").exists()
    assert json.loads(written)["settings"] == {"bucket": "b", "prefix": "${env.SECRET_PREFIX}"}
    assert (small.folder / ".dcplan" / "backend.json").stat().st_mode & 0o777 == 0o600
    assert unset.exit_code == 1
    assert "SECRET_PREFIX" in unset.stderr


def test_a_hidden_variable_is_written_down_by_name(small: Small, servers: Path) -> None:
    """What a sensitive variable holds stays out of files, and is asked for again where it is needed."""
    append(small.folder, "\nbackend:\n  gcs: {prefix: '${var.where}', bucket: a}\n")
    small.replace("variables:\n", "variables:\n  where: {sensitive: true}\n")
    done = small.run("init", "-var", "where=hush-hush")
    written = (small.folder / ".dcplan" / "backend.json").read_text()
    listed = small.run("state", "list")
    given = small.run("state", "list", env={"DCPLAN_VAR_WHERE": "hush-hush"})

    assert done.exit_code == 0, done.output
    assert "hush" not in written + done.output
    assert json.loads(written)["settings"]["prefix"] == "${var.where}"
    assert "DCPLAN_VAR_WHERE" in listed.stderr
    assert given.exit_code == 0, given.output


def test_a_variable_without_value_here_counts_as_it_was(small: Small, servers: Path) -> None:
    """Commands that take no variables still find the state; another value is another backend."""
    append(small.folder, "\nbackend:\n  gcs: {prefix: chat, bucket: '${var.where}'}\n")
    small.replace("variables:\n", "variables:\n  where: {}\n")
    assert small.run("init", "-var", "where=a").exit_code == 0
    listed = small.run("state", "list")
    other = small.run("plan", "-var", "where=b")

    assert listed.exit_code == 0, listed.output
    assert "The backend has changed" in other.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("backend: {}", "names nothing"),
        ("backend: {local: {}, gcs: {bucket: a}}", "names local and gcs"),
        ("backend: {gsc: {bucket: a}}", 'Did you mean "gcs"'),
        ("backend: {gcs: {buket: a}}", 'Did you mean "bucket"'),
        ("backend: {gcs: {bucket: '${workspace}'}}", "Each workspace has a state of its own"),
        ("backend: {s3: {bucket: a}}", "comes with the package dcplan-aws"),
        ("backend: {gcs: {bucket: nope}}", "There is no such bucket"),
    ],
)
def test_a_backend_that_cannot_be_is_told(small: Small, servers: Path, text: str, said: str) -> None:
    """Each mistake has its sentence, and nothing is written."""
    append(small.folder, f"\n{text}\n")
    done = small.run("init")

    assert done.exit_code == 1
    assert said in " ".join(done.stderr.split())
    assert not (small.folder / ".dcplan" / "backend.json").exists()


def test_a_local_state_may_have_a_path(small: Small) -> None:
    """``local: {path}`` is kept from the project's folder, and workspaces beside it."""
    append(small.folder, "\nbackend: {local: {path: shared/team.sqlite}}\n")
    assert small.run("init").exit_code == 0
    assert small.run("apply", "-auto-approve").exit_code == 0
    assert small.run("workspace", "new", "second").exit_code == 0
    listed = small.run("workspace", "list").stdout

    assert (small.folder / "shared" / "team.sqlite").exists()
    assert (small.folder / "shared" / "workspaces" / "second" / "team.sqlite").exists()
    assert "second" in listed
    assert not local_file(small).exists()


def test_workspaces_share_a_server_and_nothing_else(remote: Small, servers: Path) -> None:
    """A workspace has its own blobs under env/, is listed, moves along, and is deleted whole."""
    assert remote.run("workspace", "new", "second").exit_code == 0
    empty = remote.run("state", "list").stdout
    listed = remote.run("workspace", "list").stdout
    remote.run("workspace", "select", "default")
    remote.replace("prefix: chat", "prefix: talk")
    moved = remote.run("init", "-migrate-state", "-auto-approve")
    moved_too = remote.run("workspace", "list").stdout
    deleted = remote.run("workspace", "delete", "second")
    names = FolderBlobs(servers / "a" / "talk").names("env/")

    assert empty == ""
    assert "second" in listed
    assert moved.exit_code == 0, moved.output
    assert "second" in moved_too
    assert deleted.exit_code == 0, deleted.output
    assert list(names) == []
    assert remote.run("plan", "-detailed-exitcode").exit_code == 0
