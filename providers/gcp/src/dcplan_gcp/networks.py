"""The network of all machines: one VPC over all regions, subnets where machines are, more VPCs for GPU cards.

Its id is that of the VPC.  Its present name stands in the description of its firewall rule, because that of a
VPC cannot be changed.  Subnets, and VPCs for GPU cards, are made with the first machine that needs them,
wherever failover may have led it, and go with the network.
"""

from __future__ import annotations

import ipaddress
import threading
from typing import TYPE_CHECKING, Any

from dcplan.provider import errors
from dcplan.provider.types import Ack, Found
from dcplan_gcp.composite import Part, begin_insert, ensure, finish, go_on, remove
from dcplan_gcp.families import SYSTEM_MTU, TCPX_MTU, family_of
from dcplan_gcp.naming import Note, name_of, prefix_of, request_id, tag
from dcplan_gcp.rest import last, relative, scope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from dcplan.provider.types import Request
    from dcplan.resources import JsonValue
    from dcplan_gcp.rest import Rest

INSIDE = "10.0.0.0/8"
HEALTH = ("35.191.0.0/16", "130.211.0.0/22")
"""Where Google's health checks come from (Cloud Load Balancing documentation, "Firewall rules")."""

SUBNET_BITS, PROXY_BITS = 20, 23

_RANGES: Mapping[str, str] = {
    "": "10.0.0.0/9",
    "-2": "10.128.0.0/11",
    **{f"-g{k}": f"10.{160 + 4 * k}.0.0/14" for k in range(8)},
    "-proxy": "10.224.0.0/11",
}
"""By the end of a subnet's name: where its range is.  Cards of one machine must not overlap."""


class Networks:
    """Makes and finds networks."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._lock = threading.Lock()
        self._known: set[tuple[str, str]] = set()
        """Networks and what is known to be there of them: regions with their needs, zones with theirs."""

    def begin_create(self, request: Request) -> Ack:
        """The VPC itself."""
        if "mtu" not in request.attributes:
            raise errors.Invalid(f"{request.address} does not say what it is to be.")
        name = name_of(request.lineage, request.address)
        part = _vpc(name, SYSTEM_MTU, description=Note.of(request).text)
        return begin_insert(self._rest, request, part, note_of)

    def begin_update(self, request: Request) -> Ack:
        """What it is to be from now on, into the firewall's note."""
        path = self._owned(request)
        name = last(path)
        operation = self._rest.send(
            "PATCH",
            self._rest.path("global", "firewalls", f"{name}-inside"),
            {"name": f"{name}-inside", "description": Note.of(request).text},
            request_id=request_id(request.token),
        )
        return Ack(object_id=path, operation_id=relative(operation["selfLink"]))

    def begin_delete(self, request: Request) -> Ack:
        """The firewall rule goes first, the VPC last."""
        name = last(str(request.object_id))
        self._owned(request, gone_is_fine=True)
        try:
            operation = self._rest.send(
                "DELETE",
                self._rest.path("global", "firewalls", f"{name}-inside"),
                request_id=request_id(request.token),
            )
        except errors.AlreadyGone:
            self._rest.get(str(request.object_id))
            return Ack(object_id=str(request.object_id))
        return Ack(object_id=str(request.object_id), operation_id=relative(operation["selfLink"]))

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> dict[str, JsonValue]:
        """All parts of it are there."""
        finish(self._rest, ack, f"make {last(ack.object_id)}", stop)
        self._rest.get(ack.object_id)
        name = last(ack.object_id)
        note = Note.of(request).text
        firewalls = [_inside(self._rest.project, name, note), _health(self._rest.project, name)]
        ensure(self._rest, request.token, [firewalls], stop)
        return {"id": ack.object_id}

    def wait_delete(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> None:
        """All parts of it are gone, also those that were made for machines elsewhere."""
        finish(self._rest, ack, f"delete {last(ack.object_id)}", stop)
        name = last(ack.object_id)
        wanted = f'name eq "{name}.*"'
        firewalls = self._rest.listed(self._rest.path("global", "firewalls"), wanted)
        subnets = self._rest.everywhere("subnetworks", wanted)
        vpcs = self._rest.listed(self._rest.path("global", "networks"), wanted)
        # What crashes and other people's deletes left behind: nothing that is in use.
        rest = prefix_of(tag(request.lineage))
        left = [*self._rest.everywhere("networkEndpointGroups", rest)]
        left += self._rest.everywhere("resourcePolicies", rest)
        others = [relative(v["selfLink"]) for v in vpcs if v["name"] != name]
        levels = [
            [relative(part["selfLink"]) for part in (*firewalls, *left)],
            [relative(part["selfLink"]) for part in subnets],
            others,
            [ack.object_id],
        ]
        remove(self._rest, request.token, levels, stop)

    def nics(
        self, network_id: str, machine: str, region: str, zone: str, *, token: str
    ) -> list[dict[str, Any]]:
        """The network cards of a machine; what it needs of the network is there when this returns."""
        name, family = last(network_id), family_of(machine)
        needs: dict[str, JsonValue] = {
            "second": family.system_nics > 1,
            "gpu_vpcs": family.gpu_vpcs,
            "rdma": {zone: family.rdma_subnets} if family.rdma_subnets else {},
        }
        self._grounded(name, region, needs, token, go_on)
        ends = ["", "-2"][: family.system_nics]
        cards = [(f"{name}{end}", f"{name}{end}", family.system_nic) for end in ends]
        cards += [(f"{name}-g{k}", f"{name}-g{k}", family.system_nic) for k in range(family.gpu_vpcs)]
        rdma = f"{name}-r{tag(zone)[:5]}"
        cards += [(rdma, f"{rdma}-{j}", "MRDMA") for j in range(family.rdma_subnets)]
        return [
            {
                "network": self._rest.path("global", "networks", vpc),
                "subnetwork": self._rest.path(f"regions/{region}", "subnetworks", subnet),
                "nicType": card,
            }
            for vpc, subnet, card in cards
        ]

    def proxies(self, network_id: str, region: str, *, token: str, stop: Callable[[], bool]) -> None:
        """The proxies of load balancers have a subnet in a region; other networks have their own."""
        name = last(network_id)
        if name.startswith("dcplan-"):
            self._grounded(name, region, {"proxies": True}, token, stop)

    def _grounded(
        self,
        name: str,
        region: str,
        needs: Mapping[str, JsonValue],
        token: str,
        stop: Callable[[], bool],
    ) -> None:
        """Everything that machines of a region need in the network is there."""
        wanted = list(_wanted(name, region, needs))
        with self._lock:
            missing = [w for w in wanted if (w[0], f"{region}/{w[1]}") not in self._known]
            if not missing:
                return
            subnets = self._rest.everywhere("subnetworks", f'name eq "{name}.*"')
            there = {(last(s["network"]), f"{scope_of(s['selfLink'])[8:]}/{s['name']}") for s in subnets}
            taken = [ipaddress.ip_network(s["ipCidrRange"]) for s in subnets]
            absent = [w for w in missing if (w[0], f"{region}/{w[1]}") not in there]
            self._make(name, region, absent, taken, token, stop)
            self._known.update((vpc, f"{region}/{subnet}") for vpc, subnet, *_ in missing)

    def _make(  # noqa: PLR0913, PLR0917 - what subnets are made of
        self,
        name: str,
        region: str,
        absent: list[tuple[str, str, str, int]],
        taken: list[Any],
        token: str,
        stop: Callable[[], bool],
    ) -> None:
        vpcs: list[Part] = []
        firewalls: list[Part] = []
        subnets: list[Part] = []
        for vpc, subnet, zone, mtu in absent:
            if vpc != name and vpc not in {p.name for p in vpcs}:
                vpcs.append(_vpc(vpc, mtu, profile=zone and f"{zone}-vpc-roce", project=self._rest.project))
                if not zone:
                    firewalls.append(_inside(self._rest.project, vpc, f"Part of {name}."))
            fresh = _free(subnet.removeprefix(name), region, taken)
            taken.append(fresh)
            subnets.append(self._subnet(vpc, subnet, region, str(fresh), proxies=subnet.endswith("-proxy")))
        ensure(self._rest, token, [vpcs, [*firewalls, *subnets]], stop)

    def _subnet(self, vpc: str, name: str, region: str, cidr: str, *, proxies: bool) -> Part:
        body: dict[str, Any] = {
            "name": name,
            "network": self._rest.path("global", "networks", vpc),
            "ipCidrRange": cidr,
        }
        if proxies:
            body |= {"purpose": "GLOBAL_MANAGED_PROXY", "role": "ACTIVE"}
        elif not name.removeprefix(vpc):
            # Not in RoCE networks, whose subnets are numbered: nothing but accelerators talks there.
            body["privateIpGoogleAccess"] = True
        return Part(scope=f"regions/{region}", collection="subnetworks", body=body)

    def _owned(self, request: Request, *, gone_is_fine: bool = False) -> str:
        """The id of a network that is this owner's."""
        path = str(request.object_id)
        there = self._rest.find(path)
        if there is None:
            if gone_is_fine:
                return path
            raise errors.AlreadyGone(f"{request.address} ({path}) does not exist.")
        note = self._note(last(path)) or note_of(there)
        if note is None or note.lineage != request.lineage:
            raise errors.Denied(f"{path} does not belong to this state.")
        return path

    def _note(self, name: str) -> Note | None:
        """The present note of a network, in its firewall rule."""
        rule = self._rest.find(self._rest.path("global", "firewalls", f"{name}-inside"))
        return None if rule is None else Note.read(rule.get("description"))

    def set_owner(self, request: Request) -> None:
        """Another owner and name in the note."""
        name = last(str(request.object_id))
        self._rest.get(str(request.object_id))
        note = self._note(name)
        if note is None:
            raise errors.NotReady(f"{name} is not whole yet.")
        rule = self._rest.path("global", "firewalls", f"{name}-inside")
        operation = self._rest.send(
            "PATCH", rule, {"name": last(rule), "description": note.handed_to(request).text}
        )
        self._rest.settled(operation, f"hand over {request.address}", within_s=None, stop=go_on)

    def survey(self, wanted: str) -> Iterator[Found]:
        """The networks that a filter of names shows."""
        vpcs = self._rest.listed(self._rest.path("global", "networks"), wanted)
        rules = self._rest.listed(self._rest.path("global", "firewalls"), wanted)
        notes = {r["name"]: Note.read(r.get("description")) for r in rules}
        for vpc in vpcs:
            note = note_of(vpc)
            if note is None:
                continue
            now, path = notes.get(f"{vpc['name']}-inside"), relative(vpc["selfLink"])
            yield Found(
                object_id=path,
                address=(now or note).address,
                ready=now is not None,
                attributes=note.attributes,
                outputs={"id": path},
                token=(now or note).token,
                lineage=(now or note).lineage or None,
            )


def note_of(vpc: Mapping[str, Any]) -> Note | None:
    """The owner's note of a VPC."""
    return Note.read(vpc.get("description"))


def _wanted(name: str, region: str, needs: Mapping[str, JsonValue]) -> Iterator[tuple[str, str, str, int]]:
    """VPC, subnet, zone of a RoCE profile and MTU of what a region needs.

    RoCE networks of a zone that is not known yet are made with the first machine.
    """
    yield name, name, "", SYSTEM_MTU
    if needs.get("proxies"):
        yield name, f"{name}-proxy", "", SYSTEM_MTU
    if needs.get("second"):
        yield f"{name}-2", f"{name}-2", "", SYSTEM_MTU
    gpu_vpcs = needs.get("gpu_vpcs")
    for k in range(gpu_vpcs if isinstance(gpu_vpcs, int) else 0):
        yield f"{name}-g{k}", f"{name}-g{k}", "", TCPX_MTU
    rdma = needs.get("rdma")
    for zone, count in rdma.items() if isinstance(rdma, dict) else ():
        for j in range(count if isinstance(count, int) and zone != region else 0):
            vpc = f"{name}-r{tag(zone)[:5]}"
            yield vpc, f"{vpc}-{j}", zone, SYSTEM_MTU


def _free(end: str, region: str, taken: Iterable[Any]) -> Any:
    """A range of addresses for a subnet that overlaps no other; the same in every world that is empty."""
    rdma = int(end.rpartition("-")[2]) if end.startswith("-r") else None
    home = ipaddress.ip_network(f"10.{192 + 4 * rdma}.0.0/14" if rdma is not None else _RANGES[end])
    bits = PROXY_BITS if end == "-proxy" else SUBNET_BITS
    slots = 2 ** (bits - home.prefixlen)
    first = int(tag(region), 16) % slots
    used = [other for other in taken if other.overlaps(home)]
    for step in range(slots):
        start = int(home.network_address) + ((first + step) % slots) * 2 ** (32 - bits)
        fresh = ipaddress.ip_network((start, bits))
        if not any(other.overlaps(fresh) for other in used):
            return fresh
    raise errors.QuotaExceeded(f"No range of addresses is free for a subnet in {region}.")


def _vpc(name: str, mtu: int, *, description: str = "", profile: str = "", project: str = "") -> Part:
    body: dict[str, Any] = {"name": name, "autoCreateSubnetworks": False, "mtu": mtu}
    if description:
        body |= {"description": description, "routingConfig": {"routingMode": "GLOBAL"}}
    if profile:
        body["networkProfile"] = f"projects/{project}/global/networkProfiles/{profile}"
    return Part(scope="global", collection="networks", body=body)


def _inside(project: str, name: str, description: str) -> Part:
    """Everything inside may talk to everything inside."""
    body = {
        "name": f"{name}-inside",
        "network": f"projects/{project}/global/networks/{name}",
        "description": description,
        "direction": "INGRESS",
        "allowed": [{"IPProtocol": "all"}],
        "sourceRanges": [INSIDE],
    }
    return Part(scope="global", collection="firewalls", body=body)


def _health(project: str, name: str) -> Part:
    """Google's health checks may come in."""
    body = {
        "name": f"{name}-health",
        "network": f"projects/{project}/global/networks/{name}",
        "direction": "INGRESS",
        "allowed": [{"IPProtocol": "tcp"}],
        "sourceRanges": list(HEALTH),
    }
    return Part(scope="global", collection="firewalls", body=body)
