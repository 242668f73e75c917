"""What may stand under ``providers: gcp:``, and what the environment says beside it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field

from dcplan.config.strict import Name, Strict
from dcplan.config.values import Many
from dcplan.diag import Diagnostic, error, listed
from dcplan.provider.catalogued import CataloguedSettings
from dcplan.provider.errors import Invalid
from dcplan.provider.group_settings import GroupSpec, twice
from dcplan.provider.grouping import GroupWish
from dcplan.provider.purchases import CapacityBlockSpec, ReservationSpec
from dcplan.provider.start_up import StartUpSettings
from dcplan.state.server import LOOPBACK
from dcplan_gcp.agent import STARTUP, startup_script
from dcplan_gcp.kinds import MANAGED_GROUP, NODE_POOL
from dcplan_gcp.storage_settings import GcpStorageSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dcplan.diag import ConfigPath

PATH: ConfigPath = ("providers", "gcp")
"""Where these settings stand in the document."""

ENDPOINT = "DCPLAN_GCP_ENDPOINT"
"""The variable with the address of another server than Google's: a private endpoint, or one for tests."""

PROJECTS = ("GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT")
"""Variables that name the project, as Google's own tools read them."""


class NetworkSettings(Strict):
    """A network of yours that machines are put into; then dcplan makes none."""

    subnets: dict[str, str]
    """The subnet of each region: a name, or ``projects/P/regions/R/subnetworks/S`` of a shared VPC."""
    second_subnets: dict[str, str] = Field(default_factory=dict)
    """By region, for the second card of A3 Ultra, A4 and A4X."""
    gpu_subnets: dict[str, Many[str]] = Field(default_factory=dict)
    """By region, one for each GPUDirect card of A3 High (4) and A3 Mega (8)."""
    rdma_subnets: dict[str, Many[str]] = Field(default_factory=dict)
    """By zone, the subnets of a network with its RoCE profile: 8 for A3 Ultra and A4, 4 for A4X."""


class GcpReservationSpec(ReservationSpec):
    """As every cloud's; ``name`` is the reservation's own, unless it is ordered."""

    order: bool = False
    """Make it with the first plan that is applied, and delete it when it stands here no more."""


class GcpCapacityBlockSpec(CapacityBlockSpec):
    """As every cloud's; ``name`` is that of the reservation made for it, unless it is bought."""

    buy: bool = False
    """Order it in calendar mode when a plan that uses it is applied.  Google names no price then; once it is
    locked it is paid for, used or not."""


class GcpGroupSpec(GroupSpec):
    """Machines of one workload in groups of Google Cloud."""

    as_: Literal["managed-group", "node-pool"] = Field(alias="as")
    """A managed instance group of Compute Engine, or a node pool of Kubernetes Engine."""
    cluster: Name | None = None
    """Of a node pool: the cluster that it joins, which must be there."""
    location: Name | None = None
    """Of that cluster: its region, or its zone."""


class GcpSettings(CataloguedSettings, StartUpSettings):
    """Where to plan, what the account has there, and how machines are launched."""

    reservations: Many[GcpReservationSpec] = ()
    capacity_blocks: Many[GcpCapacityBlockSpec] = ()
    project: str | None = None
    """Default: GOOGLE_CLOUD_PROJECT, then the project of the credentials."""
    network: NetworkSettings | None = None
    """Default: dcplan makes a network, with a subnet in each region where it has machines."""
    zones: dict[str, Many[str]] = Field(default_factory=dict)
    """By region, the zones to try in this order where only the region is known; default: all that have it."""
    image: str | None = None
    """Of boot disks, ``projects/P/global/images/family/F``; default: Google's for the machine type."""
    boot_disk_gb: int = Field(default=200, ge=10)
    service_account: str | None = None
    """Who machines are; default: the default service account of Compute Engine."""
    public_addresses: bool = False
    """Whether machines have addresses that the internet can reach."""
    metadata: dict[str, str] = Field(default_factory=dict)
    """More metadata of each machine: ``startup-script``, for one."""
    launcher: Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/\-]+$")] | None = None
    """A program of the image that starts and stops what runs on the machine; docs/providers.md says how."""
    storage: Many[GcpStorageSpec] = ()
    """Buckets for data and checkpoints."""

    machine_groups: Many[GcpGroupSpec] = ()
    """Workloads whose machines stand in groups, not one by one."""

    def wishes(self) -> Iterator[GroupWish]:
        """The groups as the core knows them."""
        for i, group in enumerate(self.machine_groups):
            pool = group.as_ == "node-pool"
            yield GroupWish(
                workload=group.workload,
                kind=NODE_POOL if pool else MANAGED_GROUP,
                word="a node pool" if pool else "a managed instance group",
                gangs=True,
                answers=not pool,
                at_most=group.at_most,
                more={"cluster": group.cluster, "location": group.location} if pool else {},
                path=(*PATH, "machine_groups", i),
            )

    @property
    def boot_metadata(self) -> dict[str, str]:
        """The metadata that each machine boots with, besides dcplan's own."""
        script = startup_script(self.launcher, self.start_up_file)
        return {**self.metadata, **({} if script is None else {STARTUP: script})}


def endpoint() -> str | None:
    """The server that the environment names instead of Google's."""
    return os.environ.get(ENDPOINT) or None


def project_of(settings: GcpSettings) -> str:
    """The project to act in; ``Invalid`` when nobody says which."""
    named = settings.project or next((os.environ[n] for n in PROJECTS if os.environ.get(n)), None)
    if named is not None:
        return named
    if endpoint() is None:
        import google.auth  # noqa: PLC0415 - slow, and only needed where nobody names the project
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - as above

        try:
            _credentials, found = google.auth.default()
        except GoogleAuthError:
            found = None
        if found:
            return str(found)
    raise Invalid(
        "It is not known in which project of Google Cloud to act. Say `project:` under `providers: gcp:`, or "
        "set GOOGLE_CLOUD_PROJECT. Nothing was sent."
    )


def startup_problems(settings: GcpSettings) -> Iterator[Diagnostic]:
    """Two start-up scripts, of which only one can run; or one that nothing on the machine reads."""
    if STARTUP in settings.metadata and (settings.launcher or settings.start_up) is not None:
        detail = (
            f"With `launcher` or `start_up`, machines boot with dcplan's own {STARTUP}. Put yours into a "
            "file, and name that as `start_up`: it runs before the launcher."
        )
        path = ("providers", "gcp", "metadata", STARTUP)
        yield error("gcp-startup-script", "A machine has one start-up script", detail, path=path)
    if settings.start_up_file is not None and not settings.start_up_file.is_script:
        detail = (
            f"{settings.start_up} is a cloud-config, and Google's images for accelerators have no cloud-init "
            "that would read it. Write a script, which begins with #!."
        )
        yield error(
            "gcp-cloud-config", "Google Cloud runs scripts", detail, path=("providers", "gcp", "start_up")
        )


def group_problems(settings: GcpSettings) -> Iterator[Diagnostic]:
    """Groups that cannot be."""
    yield from twice(settings.machine_groups, (*PATH, "machine_groups"))
    for i, group in enumerate(settings.machine_groups):
        told = [key for key in ("cluster", "location") if getattr(group, key) is not None]
        path = (*PATH, "machine_groups", i)
        if group.as_ == "node-pool" and len(told) < 2:  # noqa: PLR2004 - both
            detail = "A node pool joins a cluster that is there: say its `cluster` and `location`."
            yield error("group-cluster", "A node pool has no cluster", detail, path=path)
        elif group.as_ != "node-pool" and told:
            detail = f"A managed instance group is in no cluster: leave out {listed(told)}, or say node-pool."
            yield error("group-cluster", "Only node pools have a cluster", detail, path=(*path, told[0]))


def endpoint_problems() -> Iterator[Diagnostic]:
    """What is wrong with the server that the environment names."""
    named = endpoint()
    if named is None:
        return
    parts = urlsplit(named)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        detail = (
            f"{ENDPOINT} is the address of a server, such as https://compute.example.com, without a password."
        )
        yield error("gcp-endpoint", "The endpoint is no address", detail, path=("providers", "gcp"))
    elif parts.scheme == "http" and parts.hostname not in LOOPBACK:
        detail = (
            f"{ENDPOINT} names http://{parts.hostname}: your credentials would travel in clear. Use https."
        )
        yield error("gcp-endpoint", "The endpoint is not safe", detail, path=("providers", "gcp"))
