"""Which methods each kind of resource takes, and which permissions each method needs: two tables, as data.

Sources: (ref) Compute Engine API reference, "Required permissions" of each method; (vm) Compute Engine
documentation, "Create and start a Compute Engine instance", required permissions; (vpc) VPC documentation,
roles and permissions of networks, subnets and firewall rules; (lb) Cloud Load Balancing documentation, IAM
permissions of its parts; (tpu) Cloud TPU IAM reference; (gcs) Cloud Storage documentation, "IAM
permissions for JSON methods"; (gke) GKE documentation, "Create IAM
policies"; (iam) IAM documentation, "Attach service accounts to resources".  That these
permissions are some was looked up in copies of Google's predefined roles
(github.com/iann0036/iam-dataset); which of them a method checks was not tried.  Which method a kind calls is
what this package does; tests hold that table against what arrives at a server.
"""

from __future__ import annotations

from collections.abc import Mapping

from dcplan.provider.lowering import ENDPOINT, JOB, REPLICA
from dcplan.provider.storage import BUCKET, WITH_DATA
from dcplan.resources import Action
from dcplan_gcp.kinds import BLOCK, INSTANCE, MANAGED_GROUP, NETWORK, NODE_POOL, RESERVATION

LOOK = "look"
"""Refreshing, looking up and listing what the owner has: nothing is changed."""

MADE_HERE, GANG, SLICE, ANY_ZONE, IN_BLOCK = "made-here", "gang", "slice", "any-zone", "in-block"
"""Parts of kinds: where dcplan makes the network, machines of a gang, TPU hosts, only a region is known, in a
block that dcplan buys."""
SCALED, QUEUED, GROUPED = "scaled", "queued", "grouped"
"""Parts of machine groups and endpoints: with an autoscaler, with resize requests, in front of groups."""

_ZONE_OPS, _REGION_OPS, _GLOBAL_OPS = "zoneOperations.get", "regionOperations.get", "globalOperations.get"

_GROUND = (
    f"subnetworks.aggregatedList subnetworks.get subnetworks.insert networks.get networks.insert "
    f"firewalls.get firewalls.insert {_REGION_OPS} {_GLOBAL_OPS}"
)
"""``networks._grounded``: subnets and further VPCs come with the first machine that needs them."""
_METADATA = f"instances.get instances.setMetadata {_ZONE_OPS}"
_GROUPED = (
    f"networkEndpointGroups.get networkEndpointGroups.insert networkEndpointGroups.listNetworkEndpoints "
    f"networkEndpointGroups.attachNetworkEndpoints networkEndpointGroups.detachNetworkEndpoints {_ZONE_OPS}"
)
_SPREAD = (
    f"healthChecks.get instances.get backendServices.get backendServices.insert backendServices.patch "
    f"urlMaps.get urlMaps.insert targetHttpProxies.get targetHttpProxies.insert globalForwardingRules.get "
    f"globalForwardingRules.insert networkEndpointGroups.get networkEndpointGroups.delete "
    f"{_ZONE_OPS} {_GLOBAL_OPS}"
)
"""``endpoints.wait``."""
_IGM = "instanceGroupManagers"
_TEMPLATES = "instanceTemplates.get instanceTemplates.delete"
_SIZED = (
    f"{_IGM}.get {_IGM}.resize {_IGM}.patch {_IGM}.listManagedInstances {_IGM}.listErrors "
    f"{_IGM}.applyUpdatesToInstances {_ZONE_OPS}"
)
"""``managed_groups.wait``."""
_SCALER = "autoscalers.get autoscalers.insert autoscalers.patch autoscalers.delete"
_RESIZE = "instanceGroupManagerResizeRequests"
_UNDONE = f"{_IGM}.delete autoscalers.delete {_TEMPLATES} {_GLOBAL_OPS} {_RESIZE}.list"
"""What a group that is not to be had whole takes along."""
_POOL = "container.projects.locations.clusters.nodePools"
_GKE_OPS = "container.projects.locations.operations.get"
_POOLED = f"{_POOL}.get {_POOL}.setSize {_POOL}.setAutoscaling {_POOL}.update {_GKE_OPS} {_IGM}.get"
_NODE = "tpu.projects.locations.nodes.get tpu.projects.locations.nodes.patch"
_QUEUED = "tpu.projects.locations.queuedResources"

CALLS: tuple[tuple[str, str, str], ...] = (
    # kind, what is done, methods (of Compute Engine where no API is named)
    (NETWORK, LOOK, "networks.list firewalls.list"),
    (NETWORK, Action.CREATE, f"networks.insert networks.get firewalls.get firewalls.insert {_GLOBAL_OPS}"),
    (NETWORK, Action.UPDATE, f"networks.get firewalls.get firewalls.insert firewalls.patch {_GLOBAL_OPS}"),
    (NETWORK, Action.DELETE, "networks.get networks.list networks.delete firewalls.list firewalls.delete"),
    (NETWORK, Action.DELETE, "subnetworks.aggregatedList subnetworks.delete"),
    (NETWORK, Action.DELETE, "networkEndpointGroups.aggregatedList networkEndpointGroups.delete"),
    (NETWORK, Action.DELETE, "resourcePolicies.aggregatedList resourcePolicies.delete"),
    (NETWORK, Action.DELETE, f"{_ZONE_OPS} {_REGION_OPS} {_GLOBAL_OPS}"),
    (RESERVATION, LOOK, "reservations.aggregatedList"),
    (RESERVATION, Action.CREATE, f"reservations.insert reservations.get {_ZONE_OPS}"),
    (RESERVATION, Action.UPDATE, f"reservations.get reservations.resize {_ZONE_OPS}"),
    (RESERVATION, Action.DELETE, f"reservations.get reservations.delete {_ZONE_OPS}"),
    (BLOCK, LOOK, "futureReservations.aggregatedList"),
    (BLOCK, Action.CREATE, f"futureReservations.insert futureReservations.get {_ZONE_OPS}"),
    (BLOCK, Action.CREATE, "futureReservations.delete"),
    (BLOCK, Action.UPDATE, "futureReservations.get"),
    (BLOCK, Action.DELETE, f"futureReservations.get futureReservations.cancel {_ZONE_OPS}"),
    (BLOCK, Action.DELETE, "futureReservations.delete"),
    (f"{INSTANCE}/{IN_BLOCK}", Action.CREATE, "futureReservations.get"),
    (INSTANCE, LOOK, f"instances.aggregatedList instances.get {_QUEUED}.list"),
    (INSTANCE, Action.CREATE, f"instances.insert instances.get instances.setLabels {_ZONE_OPS}"),
    (f"{INSTANCE}/{MADE_HERE}", Action.CREATE, _GROUND),
    (f"{INSTANCE}/{ANY_ZONE}", Action.CREATE, "machineTypes.aggregatedList"),
    (
        f"{INSTANCE}/{GANG}",
        Action.CREATE,
        f"resourcePolicies.get resourcePolicies.insert resourcePolicies.delete {_REGION_OPS}",
    ),
    (INSTANCE, Action.UPDATE, f"{_METADATA} instances.setLabels"),
    (INSTANCE, Action.DELETE, f"instances.get instances.delete {_ZONE_OPS}"),
    (f"{INSTANCE}/{GANG}", Action.DELETE, f"resourcePolicies.delete {_REGION_OPS}"),
    (
        MANAGED_GROUP,
        LOOK,
        f"{_IGM}.aggregatedList {_IGM}.get instanceTemplates.list autoscalers.aggregatedList",
    ),
    (MANAGED_GROUP, Action.CREATE, f"instanceTemplates.insert {_IGM}.insert {_SIZED} {_UNDONE}"),
    (f"{MANAGED_GROUP}/{SCALED}", Action.CREATE, _SCALER),
    (f"{MANAGED_GROUP}/{MADE_HERE}", Action.CREATE, _GROUND),
    (f"{MANAGED_GROUP}/{ANY_ZONE}", Action.CREATE, "machineTypes.aggregatedList"),
    (
        f"{MANAGED_GROUP}/{GANG}",
        Action.CREATE,
        f"resourcePolicies.get resourcePolicies.insert resourcePolicies.delete {_REGION_OPS}",
    ),
    (f"{MANAGED_GROUP}/{QUEUED}", Action.CREATE, f"{_RESIZE}.insert {_RESIZE}.cancel {_RESIZE}.delete"),
    (MANAGED_GROUP, Action.UPDATE, f"{_SIZED} {_RESIZE}.list autoscalers.delete"),
    (f"{MANAGED_GROUP}/{SCALED}", Action.UPDATE, _SCALER),
    (f"{MANAGED_GROUP}/{QUEUED}", Action.UPDATE, f"{_RESIZE}.insert {_RESIZE}.cancel {_RESIZE}.delete"),
    (MANAGED_GROUP, Action.DELETE, f"{_IGM}.get {_UNDONE} {_ZONE_OPS}"),
    (f"{MANAGED_GROUP}/{QUEUED}", Action.DELETE, f"{_RESIZE}.cancel {_RESIZE}.delete"),
    (f"{MANAGED_GROUP}/{GANG}", Action.DELETE, f"resourcePolicies.delete {_REGION_OPS}"),
    (NODE_POOL, LOOK, f"container.projects.locations.clusters.list {_POOL}.get {_IGM}.get"),
    (NODE_POOL, Action.CREATE, f"{_POOL}.create {_POOL}.delete {_POOLED}"),
    (f"{NODE_POOL}/{ANY_ZONE}", Action.CREATE, "machineTypes.aggregatedList"),
    (NODE_POOL, Action.UPDATE, _POOLED),
    (NODE_POOL, Action.DELETE, f"{_POOL}.get {_POOL}.delete"),
    (
        f"{NODE_POOL}/{GANG}",
        Action.CREATE,
        f"resourcePolicies.get resourcePolicies.insert resourcePolicies.delete {_REGION_OPS}",
    ),
    (f"{NODE_POOL}/{GANG}", Action.DELETE, f"resourcePolicies.delete {_REGION_OPS}"),
    (SLICE, LOOK, f"{_QUEUED}.get {_QUEUED}.list tpu.projects.locations.nodes.get"),
    (SLICE, LOOK, "tpu.projects.locations.nodes.list"),
    (SLICE, Action.CREATE, f"{_QUEUED}.get {_QUEUED}.create {_QUEUED}.delete"),
    (SLICE, Action.CREATE, "tpu.projects.locations.nodes.get tpu.projects.locations.operations.get"),
    (f"{SLICE}/{MADE_HERE}", Action.CREATE, _GROUND),
    (f"{SLICE}/{ANY_ZONE}", Action.CREATE, "machineTypes.aggregatedList"),
    (SLICE, Action.UPDATE, f"{_QUEUED}.get {_NODE}"),
    (SLICE, Action.DELETE, f"{_QUEUED}.get {_QUEUED}.delete"),
    (REPLICA, LOOK, "instances.aggregatedList instances.get"),
    (REPLICA, Action.CREATE, f"{_METADATA} {_GROUPED}"),
    (REPLICA, Action.UPDATE, f"{_METADATA} {_GROUPED}"),
    (REPLICA, Action.DELETE, f"{_METADATA} networkEndpointGroups.get networkEndpointGroups.delete"),
    (REPLICA, Action.DELETE, "networkEndpointGroups.listNetworkEndpoints"),
    (REPLICA, Action.DELETE, "networkEndpointGroups.detachNetworkEndpoints"),
    (JOB, LOOK, "instances.aggregatedList instances.get"),
    (JOB, Action.CREATE, _METADATA),
    (JOB, Action.UPDATE, _METADATA),
    (JOB, Action.DELETE, _METADATA),
    (ENDPOINT, LOOK, "healthChecks.list globalForwardingRules.list backendServices.list"),
    (ENDPOINT, Action.CREATE, f"healthChecks.insert {_SPREAD}"),
    (f"{ENDPOINT}/{MADE_HERE}", Action.CREATE, _GROUND),
    (f"{ENDPOINT}/{GROUPED}", Action.CREATE, f"{_IGM}.get instanceTemplates.get"),
    (f"{ENDPOINT}/{GROUPED}", Action.UPDATE, f"{_IGM}.get instanceTemplates.get"),
    (ENDPOINT, Action.UPDATE, f"healthChecks.patch {_SPREAD}"),
    (f"{ENDPOINT}/{MADE_HERE}", Action.UPDATE, _GROUND),
    (ENDPOINT, Action.DELETE, "globalForwardingRules.delete targetHttpProxies.delete urlMaps.delete"),
    (ENDPOINT, Action.DELETE, "backendServices.get backendServices.delete healthChecks.get"),
    (ENDPOINT, Action.DELETE, "healthChecks.delete networkEndpointGroups.get networkEndpointGroups.delete"),
    (ENDPOINT, Action.DELETE, f"{_ZONE_OPS} {_GLOBAL_OPS}"),
    (BUCKET, LOOK, "storage.buckets.list storage.buckets.get"),
    (BUCKET, Action.CREATE, "storage.buckets.insert"),
    (BUCKET, Action.UPDATE, "storage.buckets.patch"),
    (BUCKET, Action.DELETE, "storage.buckets.delete"),
    (f"{BUCKET}/{WITH_DATA}", Action.DELETE, "storage.objects.list storage.objects.delete"),
)

_OWN: Mapping[str, str] = {"insert": "create", "aggregatedList": "list", "patch": "update"}
"""Verbs of methods whose permission has another name; of all others it has the same (ref)."""

ALSO: Mapping[str, str] = {
    # Method, what it needs beside its own permission.
    "instances.insert": (
        "compute.disks.create compute.disks.setLabels compute.instances.setLabels "
        "compute.instances.setMetadata compute.instances.setServiceAccount compute.subnetworks.use"
    ),  # (vm)
    "instanceTemplates.insert": "compute.subnetworks.use",  # (vm)
    "instanceGroupManagers.insert": (
        "compute.instanceTemplates.useReadOnly compute.instances.create compute.disks.create "
        "compute.instances.setMetadata compute.instances.setLabels compute.subnetworks.use"
    ),  # (ref) and (vm)
    "autoscalers.insert": "compute.instanceGroupManagers.use",  # (ref)
    "networks.insert": "compute.networks.get",
    "subnetworks.insert": "compute.networks.updatePolicy",  # (vpc)
    "subnetworks.delete": "compute.networks.updatePolicy",  # (vpc)
    "firewalls.insert": "compute.networks.updatePolicy",  # (vpc)
    "firewalls.patch": "compute.networks.updatePolicy compute.firewalls.get",  # (vpc)
    "firewalls.delete": "compute.networks.updatePolicy",  # (vpc)
    "networkEndpointGroups.insert": "compute.networks.use compute.subnetworks.use",  # (lb)
    "networkEndpointGroups.attachNetworkEndpoints": "compute.instances.use",  # (lb)
    "backendServices.insert": "compute.healthChecks.useReadOnly compute.networkEndpointGroups.use",  # (lb)
    "backendServices.patch": "compute.healthChecks.useReadOnly compute.networkEndpointGroups.use",  # (lb)
    "urlMaps.insert": "compute.backendServices.use",  # (lb)
    "targetHttpProxies.insert": "compute.urlMaps.use",  # (lb)
    "globalForwardingRules.insert": (
        "compute.networks.use compute.subnetworks.use compute.targetHttpProxies.use"
    ),  # (lb)
    "storage.buckets.patch": "storage.buckets.get",  # (gcs)
}

AS: Mapping[str, str] = {
    "networkEndpointGroups.listNetworkEndpoints": "networkEndpointGroups.get",
    "instanceGroupManagers.listManagedInstances": "instanceGroupManagers.get",
    "instanceGroupManagers.listErrors": "instanceGroupManagers.get",
    "instanceGroupManagers.resize": "instanceGroupManagers.update",
    "instanceGroupManagers.applyUpdatesToInstances": "instanceGroupManagers.update",
    "instanceGroupManagerResizeRequests.list": "instanceGroupManagers.get",
    "instanceGroupManagerResizeRequests.insert": "instanceGroupManagers.update",
    "instanceGroupManagerResizeRequests.cancel": "instanceGroupManagers.update",
    "instanceGroupManagerResizeRequests.delete": "instanceGroupManagers.update",
}
"""Methods whose permission is that of another one (ref)."""

_OF_CLUSTERS: Mapping[str, str] = {
    "container.projects.locations.clusters.list": "container.clusters.list",
    _GKE_OPS: "container.operations.get",
    f"{_POOL}.get": "container.clusters.get",
}
"""Methods of Kubernetes Engine; all others change the cluster (gke)."""

IN_A_GANG = "compute.resourcePolicies.use"
PUBLIC = "compute.subnetworks.useExternalIp"
OWN_IMAGE = "compute.images.useReadOnly"
"""Beside those of ``instances.insert``, where a machine has one (vm)."""

AS_SOMEBODY: Mapping[str, str] = {
    "instances.insert": "(vm)",
    "instanceTemplates.insert": "(vm)",
    "instances.setMetadata": "(iam)",
    f"{_POOL}.create": "(gke)",
    f"{_QUEUED}.create": "(tpu)",
}
"""Methods that need ``iam.serviceAccounts.actAs`` on the account that machines are."""


def permissions_of(method: str) -> set[str]:
    """What a method needs, its own permission first of all."""
    if method.startswith("storage."):
        collection, _, verb = method.rpartition(".")
        return {f"{collection}.{_OWN.get(verb, verb)}", *ALSO.get(method, "").split()}
    if method.startswith("container."):
        return {_OF_CLUSTERS.get(method, "container.clusters.update")}
    api, named = (
        ("tpu", method.removeprefix("tpu.projects.locations.")) if "locations" in method else ("", method)
    )
    collection, _, verb = AS.get(named, named).rpartition(".")
    # Cloud TPU has no permissions of queued resources: they are asked for as the nodes in them (tpu).
    collection = "nodes" if collection == "queuedResources" else collection
    own = f"{api or 'compute'}.{collection}.{_OWN.get(verb, verb)}"
    return {own, *ALSO.get(method, "").split()}
