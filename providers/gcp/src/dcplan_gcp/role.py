"""The smallest custom roles for a plan: from what is done to permissions.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from dcplan.catalog import Purchase
from dcplan.provider.permissions import Allowance
from dcplan.provider.storage import BUCKET, ON_DELETE, stored_of
from dcplan.resources import Action
from dcplan_gcp.kinds import INSTANCE, MANAGED_GROUP, NODE_POOL
from dcplan_gcp.lots import is_ordered
from dcplan_gcp.permissions import (
    ANY_ZONE,
    AS_SOMEBODY,
    CALLS,
    GANG,
    GROUPED,
    IN_A_GANG,
    IN_BLOCK,
    LOOK,
    MADE_HERE,
    OWN_IMAGE,
    PUBLIC,
    QUEUED,
    SCALED,
    SLICE,
    permissions_of,
)
from dcplan_gcp.slices import is_slice

if TYPE_CHECKING:
    from dcplan.provider.permissions import Deed, KeyUse, Use
    from dcplan.resources import JsonValue, Resource
    from dcplan_gcp.settings import GcpSettings

STATE = (
    "storage.objects.create",
    "storage.objects.delete",
    "storage.objects.get",
    "storage.objects.list",
)
"""docs/state_servers.md says why."""
ENCRYPT, DECRYPT = "cloudkms.cryptoKeyVersions.useToEncrypt", "cloudkms.cryptoKeyVersions.useToDecrypt"


def allowances(use: Use, settings: GcpSettings) -> tuple[Allowance, ...]:
    """A role for the project and, where they are needed, for service account, bucket and keys."""
    return tuple(_allowances(use, settings))


def _allowances(use: Use, settings: GcpSettings) -> Iterator[Allowance]:
    project = settings.project or "PROJECT"
    if use.machines:
        methods = _methods(use.deeds, settings)
        granted = {permission for method in methods for permission in permissions_of(method)}
        granted |= set(_besides(use.deeds, settings))
        yield _role(
            "gcp",
            use.project,
            "",
            granted,
            project,
            f"gcloud projects add-iam-policy-binding {project}",
            ("A role of a project holds in all regions of it, and for what others made there as well.",),
        )
        if methods & AS_SOMEBODY.keys():
            account = settings.service_account or "NUMBER-compute@developer.gserviceaccount.com"
            grant = f"gcloud iam service-accounts add-iam-policy-binding {account} --project {project}"
            yield _role(
                "gcp-machines", use.project, "Machines", {"iam.serviceAccounts.actAs"}, project, grant
            )
        yield from _of_machines(use, settings, project)
    if use.state is not None:
        grant = f"gcloud storage buckets add-iam-policy-binding gs://{use.state.get('bucket') or 'BUCKET'}"
        yield _role("gcp-state", use.project, "State", set(STATE), project, grant)
    for number, key in enumerate(use.keys):
        yield _of_key(key, use.project, project, str(number + 1) if number else "")


ON_OBJECTS = (
    *("storage.buckets.get", "storage.multipartUploads.abort", "storage.multipartUploads.create"),
    *("storage.multipartUploads.list", "storage.multipartUploads.listParts", "storage.objects.create"),
    *("storage.objects.delete", "storage.objects.get", "storage.objects.list"),
)
"""To read data and write checkpoints; as the predefined role Storage Object User, and to see the bucket."""


def _of_machines(use: Use, settings: GcpSettings, project: str) -> Iterator[Allowance]:
    """What machines themselves need of the buckets of their workloads."""
    every = (*use.held, *(deed.resource for deed in use.deeds))
    told = [one for resource in every for one in stored_of(resource.attributes) if one["kind"] == BUCKET]
    if not told:
        return
    adopted = sorted({str(one["adopted"]) for one in told if "adopted" in one})
    made = {str(one["name"]) for one in told if "adopted" not in one}
    buckets = [*adopted, *(["BUCKET"] if made else [])]
    account = settings.service_account or "NUMBER-compute@developer.gserviceaccount.com"
    role = _role("gcp-storage", use.project, "Storage", set(ON_OBJECTS), project, "")
    grants = (
        f"gcloud storage buckets add-iam-policy-binding gs://{bucket} --member serviceAccount:{account} "
        f"--role {role.steps[1].rpartition(' ')[2]}"
        for bucket in buckets
    )
    note = (
        "This is for the service account of machines, on the buckets of their workloads, and not for whoever "
        "runs dcplan. The name of a bucket that dcplan makes is known once it is made: dcplan state show."
    )
    yield replace(role, steps=(role.steps[0], *grants), notes=(note,))


def _of_key(key: KeyUse, project: str, cloud_project: str, number: str) -> Allowance:
    named = re.match(
        r"projects/([^/]+)/locations/([^/]+)/keyRings/([^/]+)/cryptoKeys/([^/]+)", str(key.settings["key"])
    )
    where, location, ring, name = named.groups() if named else (cloud_project, "LOCATION", "RING", "KEY")
    at = f"--keyring {ring} --location {location} --project {where}"
    grant = f"gcloud kms keys add-iam-policy-binding {name} {at}"
    granted = {ENCRYPT, DECRYPT} if key.wraps else {DECRYPT}
    return _role(f"gcp-key{number}", project, f"Key{number}", granted, where, grant)


def _methods(deeds: Iterable[Deed], settings: GcpSettings) -> set[str]:
    """What is called; looks at every kind, because recovering lists all that the owner has."""
    deeds = tuple(deeds)
    slices = any(_on_slice(deed.resource) for deed in deeds)
    pools = any(wish.kind == NODE_POOL for wish in settings.wishes())
    pools = pools or any(deed.resource.address.kind == NODE_POOL for deed in deeds)
    found = {
        method
        for kind, done, said in CALLS
        if done == LOOK and (kind != SLICE or slices) and (kind != NODE_POOL or pools)
        for method in said.split()
    }
    for deed in deeds:
        kind = _kind(deed.resource)
        here = {kind, *(f"{kind}/{part}" for part in _parts(deed.resource, settings))}
        # What runs on hosts of a slice stands in the metadata of its node.
        if slices and kind in {"replica", "job"}:
            here.add(SLICE)
        found |= {
            method
            for of, done, said in CALLS
            if of in here and (done == deed.action or (of == SLICE != kind and done == Action.UPDATE))
            for method in said.split()
        }
    return found


def _kind(resource: Resource) -> str:
    kind = resource.address.kind
    object_id = str(resource.outputs.get("id") or "")
    return SLICE if kind == INSTANCE and is_slice(resource.attributes, object_id) else kind


def _on_slice(resource: Resource) -> bool:
    """Whether it is a host of a slice, or runs on some."""
    return _kind(resource) == SLICE or "/queuedResources/" in str(resource.outputs.get("id") or "")


def _parts(resource: Resource, settings: GcpSettings) -> Iterator[str]:
    asked = resource.attributes
    yield str(asked.get(ON_DELETE))
    if settings.network is None:
        yield MADE_HERE
    if asked.get("gang") and not is_ordered(asked):
        yield GANG
    if is_ordered(asked) and asked.get("purchase") == Purchase.CAPACITY_BLOCK:
        yield IN_BLOCK
    if asked.get("groups"):
        yield GROUPED
    if asked.get("at_most") != asked.get("at_least"):
        yield SCALED
    if "at_least" in asked and asked.get("purchase") == "queued":
        yield QUEUED
    if asked.get("zone") == asked.get("region") and not settings.zones.get(str(asked.get("region"))):
        yield ANY_ZONE


def _besides(deeds: Iterable[Deed], settings: GcpSettings) -> Iterator[str]:
    """What instances need by how they are made."""
    made = [
        d.resource
        for d in deeds
        if d.action is Action.CREATE and _kind(d.resource) in {INSTANCE, MANAGED_GROUP}
    ]
    if any(m.attributes.get("gang") and not is_ordered(m.attributes) for m in made):
        yield IN_A_GANG
    if made and settings.public_addresses:
        yield PUBLIC
    if made and settings.image:
        yield OWN_IMAGE


def _role(  # noqa: PLR0913, PLR0917 - everything that a role is made of
    name: str,
    project: str,
    what: str,
    granted: set[str],
    cloud_project: str,
    grant: str,
    notes: tuple[str, ...] = (),
) -> Allowance:
    """One role, as ``gcloud iam roles create --file`` reads it."""
    title = f"dcplan {project} {what}".strip()
    role = "dcplan_" + re.sub(r"[^a-zA-Z0-9_.]", "_", project) + (f"_{what}" if what else "")
    included: list[JsonValue] = [*sorted(granted)]
    content: Mapping[str, JsonValue] = {
        "title": title,
        "description": "Made by dcplan iam for one plan.",
        "stage": "GA",
        "includedPermissions": included,
    }
    lines = [f'title: "{title}"', "description: Made by dcplan iam for one plan.", "stage: GA"]
    lines += ["includedPermissions:", *(f"- {permission}" for permission in included)]
    steps = (
        f"gcloud iam roles create {role} --project {cloud_project} --file FILE",
        f"{grant} --member MEMBER --role projects/{cloud_project}/roles/{role}",
    )
    return Allowance(name=name, text="\n".join(lines) + "\n", content=content, steps=steps, notes=notes)
