"""Buckets of Cloud Storage: a whole life by the command line, data that stay, lost answers, drift."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from dcplan.provider import Ambiguous, Denied, HoldsData
from dcplan.provider.permissions import Use
from dcplan.provider.types import Placement, request_of
from dcplan.resources import Action, Address, Resource
from dcplan_gcp import GcpProvider, provider
from dcplan_gcp.buckets import note_in, pieces
from dcplan_gcp.group_parts import program
from dcplan_gcp.naming import Note, metadata_of
from gcp_project import DOCUMENT, KILLED, Project
from placements import one_replica

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.provider.protocol import Provider
    from fork_server import ForkServer
    from gcp_cloud import GcpCloud

STORAGE = {"name": "checkpoints", "as": "bucket", "region": "us-central1", "for": ["tune", "chat"]}


def document(**more: Any) -> str:
    """The usual document with a bucket."""
    settings = {"regions": ["us-central1", "us-east4"], "spot": False, "storage": [{**STORAGE, **more}]}
    return DOCUMENT.replace("{regions: [us-central1, us-east4], spot: false}", json.dumps(settings))


@pytest.fixture(scope="module")
def stored_planned(
    gcp_forks: ForkServer, gcp_server: GcpCloud, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with a saved plan of that document."""
    project = Project(tmp_path_factory.mktemp("stored"), gcp_forks, gcp_server)
    (project.folder / "dcplan.yaml").write_text(document())
    assert project.run("plan", "-out=the.plan") == 0, project.said
    return project.folder


@pytest.fixture
def stored(
    stored_planned: Path, gcp_forks: ForkServer, gcp_server: GcpCloud, tmp_path: Path
) -> Iterator[Project]:
    """A copy of it on an empty cloud; in the end nothing broke Google's description."""
    gcp_server.reset()
    shutil.copytree(stored_planned, tmp_path / "p")
    yield Project(tmp_path / "p", gcp_forks, gcp_server)
    violations = gcp_server.violations
    assert not violations, violations


by_command = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither fork nor SIGKILL")


@by_command
def test_what_runs_is_told_where_its_data_are(stored: Project) -> None:
    """In the metadata of each machine; then nothing is left to plan, and a destroy leaves nothing."""
    applied = stored.run("apply", "the.plan")
    (bucket,) = stored.cloud.buckets
    notes = [
        Note.read(text)
        for instance in stored.cloud.things("instances").values()
        for key, text in metadata_of(instance).items()
        if key.startswith("dcplan-run-")
    ]
    settled = stored.run("plan", "-detailed-exitcode")
    destroyed = stored.run("destroy", "-auto-approve")

    assert (applied, settled, destroyed) == (0, 0, 0), stored.said
    assert len(notes) == 4
    assert all(
        note is not None
        and note.more["storage"] == [{"name": "checkpoints", "kind": "bucket", "url": f"gs://{bucket}"}]
        for note in notes
    )
    assert (stored.cloud.things(), stored.cloud.buckets) == ({}, {})


@by_command
def test_a_bucket_with_something_in_it_stays(stored: Project) -> None:
    """A destroy says so and what to do; once the document allows it, the bucket goes with what is in it."""
    assert stored.run("apply", "the.plan") == 0, stored.said
    (bucket,) = stored.cloud.buckets
    stored.cloud.put_objects(bucket, *(f"step/{i}" for i in range(3)), "step/0")
    refused = stored.run("destroy", "-auto-approve")
    said, left = stored.said, stored.cloud.things()
    (stored.folder / "dcplan.yaml").write_text(document(force_delete=True))
    again = stored.run("apply", "-auto-approve")
    destroyed = stored.run("destroy", "-auto-approve")

    assert (refused, left) == (1, {})
    assert f"The bucket {bucket} is not empty" in said
    assert f"adopt: {bucket}" in said
    assert (again, destroyed) == (0, 0), stored.said
    assert (stored.cloud.things(), stored.cloud.buckets) == ({}, {})


@by_command
@pytest.mark.parametrize("crash_at", ["after-intent:1", "after-begin:1", "after-ack:1"])
def test_killed_while_creating(stored: Project, crash_at: str) -> None:
    """Killed at the first resource (the bucket or the network) and run again, there is one bucket."""
    died = stored.run("apply", "-parallelism", "1", "the.plan", crash_at=crash_at)
    again = stored.run("apply", "the.plan")
    inserts = [call for call in stored.cloud.seen if call.startswith("storage.buckets.insert")]
    settled = stored.settled()

    assert (died, again) == (KILLED, 0), stored.said
    assert (len(stored.cloud.buckets), len(inserts), settled) == (1, 1, True)


@pytest.fixture
def gcp(gcp_server: GcpCloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """The provider on an empty cloud; nothing broke its description."""
    for name, value in gcp_server.variables.items():
        monkeypatch.setenv(name, value)
    gcp_server.reset()
    yield provider({"storage": [STORAGE]}, Path()).unwrap()
    violations = gcp_server.violations
    assert not violations, violations


def the_bucket(gcp: Provider) -> Resource:
    """The one resource without machines."""
    (only,) = gcp.resources_for(Placement(project="p", machines=(), workloads=())).unwrap()
    return only


def done(gcp: Provider, resource: Resource, action: Action, token: str = "") -> Resource:
    """One change, carried out; the resource with its outputs."""
    request = request_of(resource, action, token=token or action.value, lineage="us", needs={})
    outputs = gcp.wait(request, gcp.begin(request), lambda: False)
    return replace(resource, outputs=outputs)


@pytest.mark.parametrize("mode", ["before", "after"])
def test_a_bucket_whose_answer_was_lost_is_made_once(gcp: Provider, gcp_server: GcpCloud, mode: str) -> None:
    """The same request again finds what the first one made, or makes it."""
    gcp_server.fail(method="storage.buckets.insert", mode=mode)
    with pytest.raises(Ambiguous):
        done(gcp, the_bucket(gcp), Action.CREATE)
    made = done(gcp, the_bucket(gcp), Action.CREATE)

    assert [f"projects/example/buckets/{name}" for name in gcp_server.buckets] == [made.outputs["id"]]


def test_a_bucket_that_was_opened_is_drift_and_is_closed(gcp: Provider, gcp_server: GcpCloud) -> None:
    """What somebody took away of its privacy is told, and an update puts it back; their labels stay."""
    import requests  # noqa: PLC0415 - to do what somebody else does

    made = done(gcp, the_bucket(gcp), Action.CREATE)
    (name,) = gcp_server.buckets
    theirs = {"labels": {"team": "red"}, "iamConfiguration": {"publicAccessPrevention": "inherited"}}
    requests.patch(f"{gcp_server.address}/storage/v1/b/{name}", json=theirs, timeout=10)
    opened = gcp.refresh([made]).found[made.address]
    done(gcp, made, Action.UPDATE)
    closed = gcp.refresh([made]).found[made.address]

    assert opened is not None
    assert opened.attributes["private"] is False
    assert closed is not None
    assert dict(closed.attributes) == dict(made.attributes)
    assert gcp_server.buckets[name]["labels"]["team"] == "red"


def test_more_objects_than_a_page_go_with_a_bucket_that_may_be_emptied(
    gcp: Provider, gcp_server: GcpCloud
) -> None:
    """All generations of them, page after page."""
    gcp_server.weather(page=3)
    made = done(gcp, the_bucket(gcp), Action.CREATE)
    (name,) = gcp_server.buckets
    gcp_server.put_objects(name, *(f"a/{i}" for i in range(4)), "a/0", "b c%")
    with pytest.raises(HoldsData, match="force_delete: true"):
        done(gcp, made, Action.DELETE)
    may = replace(made, attributes={**made.attributes, "on_delete": "with-its-data"})
    done(gcp, may, Action.DELETE, "again")

    assert gcp_server.buckets == {}


def test_lists_of_buckets_come_in_pages(gcp: Provider, gcp_server: GcpCloud) -> None:
    """All of an owner's are found, and a project without Cloud Storage has none."""
    gcp_server.weather(page=2)
    wanted = the_bucket(gcp)
    for i in range(5):
        other = replace(wanted, address=replace(wanted.address, name=f"b-{i}"))
        done(gcp, other, Action.CREATE, f"t{i}")
    every = {found.address.name for found in gcp.owned("us")}
    off = "Cloud Storage JSON API has not been used in project 1 before or it is disabled."
    gcp_server.fail(method="storage.buckets.list", status=403, reason="accessNotConfigured", message=off)
    none = gcp.owned("us")
    gcp_server.fail(
        method="storage.buckets.list", status=403, reason="forbidden", message="storage.buckets.list"
    )
    with pytest.raises(Denied, match=r"storage\.buckets\.list"):
        gcp.owned("us")

    assert every == {f"b-{i}" for i in range(5)}
    assert none == ()


def test_a_note_survives_its_labels_also_after_a_longer_one() -> None:
    """Pieces that are left of an older note are ignored; what is no note is none."""
    long, short = (
        Note(
            lineage="us",
            address=Address("gcp", "bucket", "b"),
            token="t",  # noqa: S106 - of a request, not a secret
            attributes={str(i): f"value {i * i}" for i in range(size)},
            more={},
        )
        for size in (60, 1)
    )
    labels = {**pieces(long), **pieces(short)}

    assert note_in({"labels": pieces(long)}) == long
    assert note_in({"labels": labels}) == short
    assert all(len(value) <= 63 for value in labels.values())
    assert note_in({"labels": {"dcplan-note-00": "zz"}}) is None
    assert note_in({}) is None


def test_what_machines_need_is_a_role_of_its_own(gcp: Provider) -> None:
    """On the buckets of their workloads, for their service account."""
    storage = [STORAGE, {"name": "data", "as": "bucket", "adopt": "our-data", "for": ["tune"]}]
    made = provider({"storage": storage, "service_account": "m@p.iam.gserviceaccount.com"}, Path()).unwrap()
    assert isinstance(made, GcpProvider)
    job = Resource(
        address=Address("gcp", "job", "tune"),
        attributes={
            "storage": [
                {"name": "checkpoints", "kind": "bucket"},
                {"name": "data", "kind": "bucket", "adopted": "our-data"},
            ]
        },
    )
    told = made.permissions(Use(project="p", lineage="us", held=(job,)))[-1]

    assert told.name == "gcp-storage"
    assert "storage.objects.create" in told.text
    assert [step.split()[4] for step in told.steps[1:]] == ["gs://our-data", "gs://BUCKET"]
    assert all("serviceAccount:m@p.iam.gserviceaccount.com" in step for step in told.steps[1:])


def test_a_group_of_machines_is_told_as_well() -> None:
    """What its members run says where their data are."""
    wish = {"workload": "chat", "as": "managed-group"}
    made = provider({"storage": [STORAGE], "machine_groups": [wish]}, Path()).unwrap()
    placement = one_replica("g2-standard-48", region="us-central1", zone="us-central1-a")
    (group,) = [r for r in made.resources_for(placement).unwrap() if r.address.kind == "managed_group"]
    needs = {"gcp.bucket.checkpoints": {"url": "gs://b"}}
    text = program(request_of(group, Action.CREATE, token="t", lineage="us", needs=needs), ())  # noqa: S106 - of a request

    assert Address("gcp", "bucket", "checkpoints") in group.needs
    assert json.loads(text)["storage"] == [{"name": "checkpoints", "kind": "bucket", "url": "gs://b"}]


def test_what_cannot_be_is_told() -> None:
    """Each with the key that it is about."""
    wrong = [
        {"name": "a", "as": "bucket"},
        {"name": "a", "as": "bucket", "region": "us-centrall"},
        {"name": "b", "as": "bucket", "adopt": "mine", "force_delete": True},
    ]
    told = [(d.code, (d.path or ("",))[-1]) for d in provider({"storage": wrong}, Path()).diagnostics]

    assert told == [
        ("storage-twice", "name"),
        ("storage-incomplete", 0),
        ("unknown-capacity", "region"),
        ("storage-key", "force_delete"),
    ]
