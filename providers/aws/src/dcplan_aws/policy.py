"""The smallest IAM policy for a plan: from what is done to statements.  Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dcplan.catalog import Purchase
from dcplan.provider.grouping import GROUPS
from dcplan.provider.permissions import Allowance
from dcplan.provider.storage import ON_DELETE
from dcplan.resources import Action
from dcplan_aws.buckets import prefix_of
from dcplan_aws.group_permissions import by_template
from dcplan_aws.hand_permissions import elsewhere, handed
from dcplan_aws.kinds import BLOCK, GROUP, INSTANCE, MACHINE_GROUPS, NODE_GROUP, RESERVATION
from dcplan_aws.machine_policy import of_machines
from dcplan_aws.needs import ADOPTED, HELD, LOOK, MADE_HERE, Need, When
from dcplan_aws.owner import LINEAGE
from dcplan_aws.permissions import CALLS, EVERYWHERE, GROUPED, NEEDS, TAGGED, WITH_NAT
from dcplan_aws.server_permissions import of_keys, of_state

if TYPE_CHECKING:
    from dcplan.provider.permissions import Deed, Use
    from dcplan.resources import Address, JsonValue, Resource

MOST_REGIONS = 8
"""As many are named; more of them are not told apart from all."""

_PASSED_TO = ("ec2.amazonaws.com", "eks.amazonaws.com")
LONGEST = 6_144
"""Characters of a managed policy without white space (IAM User Guide, "IAM and AWS STS quotas")."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where statements hold."""

    regions: tuple[str, ...]
    """Empty: everywhere."""
    lineage: str
    machines: tuple[str, ...] = ()
    """Types of what is launched."""

    @property
    def partition(self) -> str:
        """Of ARNs; as the regions begin (AWS General Reference, "Amazon Resource Names")."""
        starts = {region.partition("-")[0] for region in self.regions}
        return "aws-cn" if starts == {"cn"} else "aws-us-gov" if "gov" in "".join(self.regions) else "aws"

    def arn(self, resource: str) -> str:
        """``service:path`` as an ARN; of a region where there is one."""
        service, _, path = resource.partition(":")
        if service == "s3":
            mine = "dcplan-" if self.lineage == "*" else prefix_of(self.lineage)
            return f"arn:{self.partition}:s3:::{path.replace('BUCKETS', f'{mine}*')}"
        region = self.regions[0] if len(self.regions) == 1 else "*"
        account = "" if path.startswith(("image/", "parameter/aws/")) else "*"
        if service == "iam":
            region, path = "", path if path.startswith("role/") else f"role/aws-service-role/{path}"
        return f"arn:{self.partition}:{service}:{region}:{account}:{path.replace('LINEAGE', self.lineage)}"

    def where(self) -> dict[str, dict[str, JsonValue]]:
        """The condition on regions, where the ARNs do not tell."""
        if len(self.regions) <= 1:
            return {}
        return {"StringEquals": {"aws:RequestedRegion": list(self.regions)}}


def allowances(use: Use, regions: Sequence[str]) -> tuple[Allowance, ...]:
    """The policy of a plan; ``regions`` are those that the provider looks at."""
    looked = tuple(sorted(regions)) if len(regions) <= MOST_REGIONS else ()
    acted = tuple(sorted(_regions(use))) or looked
    lineage = use.lineage or "*"
    statements: list[dict[str, JsonValue]] = []
    if use.machines:
        statements += rendered(_looks(use, regions), Scope(looked, lineage))
        types = {str(d.resource.attributes["machine"]) for d in use.deeds if _launched(d)}
        statements += rendered(_acts(use.deeds, lineage), Scope(acted, lineage, tuple(sorted(types))))
    statements += [*of_state(use.state), *of_keys(use.keys, Scope(acted, lineage).partition)]
    if not statements:
        return ()
    content: dict[str, JsonValue] = {"Version": "2012-10-17", "Statement": list(statements)}
    steps = (
        "aws iam create-policy --policy-name dcplan-PROJECT --policy-document file://FILE".replace(
            "PROJECT", use.project or "NAME"
        ),
        "aws iam attach-role-policy --role-name ROLE --policy-arn ARN",
    )
    text = json.dumps(content, indent=2)
    whole = Allowance(name="aws", text=text, content=content, steps=steps, notes=_notes(use, content))
    machines = of_machines(use, Scope(acted, lineage).partition) if use.machines else None
    return (whole,) if machines is None else (whole, machines)


def _looks(use: Use, regions: Sequence[str]) -> set[Need]:
    """Every kind, because recovering lists all that the owner has."""
    there = {one.address.kind for one in (*use.held, *(deed.resource for deed in use.deeds))}
    calls = {
        call
        for kind, done, said in CALLS
        if done == LOOK and (not kind.endswith(f"/{HELD}") or kind.partition("/")[0] in there)
        for call in said.split()
    }
    calls |= {EVERYWHERE} if len(regions) > 1 else set()
    return {need for call in calls for need in NEEDS[call]}


def _acts(deeds: Iterable[Deed], lineage: str) -> set[Need]:
    needs: set[Need] = set()
    for deed in deeds:
        needs.update(handed(deed))
        kind, adopted = deed.resource.address.kind, _adopted(deed.resource)
        ways = (MADE_HERE if adopted is None else ADOPTED, deed.resource.attributes.get(ON_DELETE))
        here = {kind, *(f"{kind}/{way}" for way in ways)}
        here |= {f"{kind}/{WITH_NAT}"} if deed.resource.attributes.get("nat") else set()
        here |= {f"{kind}/{GROUPED}"} if deed.resource.attributes.get(GROUPS) else set()
        calls = [
            call for of, done, said in CALLS if of in here and done == deed.action for call in said.split()
        ]
        for call in calls:
            needs.update(_needs(call, kind))
        if lineage != "*" and (name := elsewhere(deed.resource, lineage)):
            kept = [need for need in needs if need.on == "ssm:parameter/dcplan/LINEAGE/*"]
            needs.update(replace(need, on=f"ssm:parameter{name}") for need in kept)
            needs.add(Need("ssm:GetParameters", f"ssm:parameter{name}"))
        if _launched(deed):
            needs.update(launches(deed.resource, adopted))
            if kind in MACHINE_GROUPS:
                needs.update((*NEEDS["ec2:RunInstances"], *by_template(deed.resource.attributes)))
    return needs


def _launched(deed: Deed) -> bool:
    launched = deed.resource.address.kind in {INSTANCE, *MACHINE_GROUPS}
    return launched and deed.action is Action.CREATE


def _needs(call: str, kind: str) -> tuple[Need, ...]:
    """What a call needs; tags of what is there are those of the kind alone."""
    if call in {"ec2:CreateTags", "ec2:DeleteTags"} and kind in TAGGED:
        return (Need(call, TAGGED[kind], When.OURS),)
    return NEEDS[call]


def launches(machine: Resource, adopted: Mapping[str, JsonValue] | None) -> Iterator[Need]:
    """What RunInstances may use: image, network, group, reservation, role (sar, ec2)."""
    run, asked = "ec2:RunInstances", machine.attributes
    image = str(asked.get("image") or "")
    yield Need(run, f"ec2:image/{image if image.startswith('ami-') else '*'}")
    if image.startswith("resolve:ssm:"):
        yield Need("ssm:GetParameters", f"ssm:parameter{image.removeprefix('resolve:ssm:')}")
    yield from _stands_in(machine, adopted)
    if any(need.kind == GROUP for need in machine.needs):
        yield Need(run, "ec2:placement-group/dcplan-*", When.OURS)
    if any(need.kind in {BLOCK, RESERVATION} for need in machine.needs):
        yield Need(run, "ec2:capacity-reservation/*", When.OURS)
    if asked.get("reservation"):
        yield Need(run, f"ec2:capacity-reservation/{asked['reservation']}")
    if asked.get("purchase") == Purchase.SPOT.value:
        yield Need(run, "ec2:spot-instances-request/*")
        yield Need("iam:CreateServiceLinkedRole", "iam:spot.amazonaws.com/AWSServiceRoleForEC2Spot")
    if asked.get("instance_profile"):
        yield Need("iam:PassRole", "iam:role/*")


def _stands_in(machine: Resource, adopted: Mapping[str, JsonValue] | None) -> Iterator[Need]:
    """Subnets and security groups."""
    run = "ec2:RunInstances"
    if machine.address.kind == NODE_GROUP:  # Those of its cluster.
        yield Need(run, "ec2:subnet/* ec2:security-group/*")
    elif adopted is None:
        yield Need(run, "ec2:subnet/* ec2:security-group/*", When.OURS)
    else:
        for key, kind in (("subnets", "subnet"), ("security_groups", "security-group")):
            names = adopted.get(key)
            for name in names if isinstance(names, list | tuple) else ():
                yield Need(run, f"ec2:{kind}/{name}")


def _adopted(resource: Resource) -> Mapping[str, JsonValue] | None:
    network = resource.attributes.get("network")
    return network if isinstance(network, dict) else None


def _regions(use: Use) -> set[str]:
    """Where something is done; empty where nobody can tell of something."""
    there = {one.address: one for one in (*use.held, *(deed.resource for deed in use.deeds))}
    found = [_region_of(deed.resource, there) for deed in use.deeds]
    return set() if "" in found else set(found)


def _region_of(resource: Resource, there: Mapping[Address, Resource], depth: int = 3) -> str:
    """Where a resource is: as it says, as its id says, or as what it needs says; empty for unknown."""
    region, object_id = resource.attributes.get("region"), str(resource.outputs.get("id") or "")
    if isinstance(region, str):
        return region
    if ":/dcplan/" in object_id:
        return object_id.partition(":")[0]
    needed = (_region_of(there[need], there, depth - 1) for need in resource.needs if need in there and depth)
    return next(filter(None, needed), "")


def rendered(needs: Iterable[Need], scope: Scope) -> Iterator[dict[str, JsonValue]]:
    """Statements: what has the same condition and the same resources, then the same actions, is one."""
    by_resource: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    born: defaultdict[str, set[str]] = defaultdict(set)
    for need in needs:
        for resource in need.on.split():
            if need.when is When.BORN:
                born[need.born_of].add(resource)
            else:
                by_resource[_condition(need, scope), resource].add(need.action)
    by_actions: defaultdict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (condition, resource), actions in by_resource.items():
        by_actions[condition, tuple(sorted(actions))].append(resource)
    for (condition, together), named in sorted(by_actions.items(), key=lambda item: item[0]):
        yield _statement(together, named, scope, json.loads(condition))
    if born:
        makers: list[JsonValue] = [*sorted(born)]
        asks: dict[str, dict[str, JsonValue]] = {"StringEquals": {"ec2:CreateAction": makers}}
        every = sorted({resource for resources in born.values() for resource in resources})
        yield _statement(("ec2:CreateTags",), every, scope, asks)


def _statement(
    actions: Sequence[str],
    resources: Sequence[str],
    scope: Scope,
    asks: Mapping[str, Mapping[str, JsonValue]],
) -> dict[str, JsonValue]:
    conditions = {operator: dict(keys) for operator, keys in asks.items()}
    if not actions[0].startswith("iam:"):  # IAM has no regions.
        for operator, keys in scope.where().items():
            conditions.setdefault(operator, {}).update(keys)
    elif actions == ("iam:PassRole",):
        # The role of a node group is named, and passed to EKS.
        named = resources != ["iam:role/*"]
        services: JsonValue = [*_PASSED_TO] if named else _PASSED_TO[0]
        conditions = {"StringEquals": {"iam:PassedToService": services}}
    arns: list[JsonValue] = ["*" if one == "*" else scope.arn(one) for one in sorted(resources)]
    if (resources == ["*"] or actions[0].startswith("s3:")) and len(scope.regions) == 1:
        conditions.setdefault("StringEquals", {})["aws:RequestedRegion"] = scope.regions[0]
    said: dict[str, JsonValue] = {
        "Effect": "Allow",
        "Action": [*actions] if len(actions) > 1 else actions[0],
        "Resource": arns if len(arns) > 1 else arns[0],
    }
    return {**said, "Condition": dict(conditions)} if conditions else said


def _condition(need: Need, scope: Scope) -> str:
    """The condition of a need, as sorted JSON: sets are made of these."""
    operator = "StringLike" if scope.lineage == "*" else "StringEquals"
    match need.when:
        case When.LAUNCHED:
            tag, types = f"aws:RequestTag/{LINEAGE}", [*scope.machines]
            asks: dict[str, dict[str, JsonValue]] = {"StringEquals": {"ec2:InstanceType": [*types]}}
            asks.setdefault(operator, {})[tag] = scope.lineage
            return json.dumps(asks)
        case When.NEW:
            return json.dumps({operator: {f"aws:RequestTag/{LINEAGE}": scope.lineage}})
        case When.OURS:
            return json.dumps({operator: {f"aws:ResourceTag/{LINEAGE}": scope.lineage}})
        case _:
            return "{}"


def _notes(use: Use, content: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """What could be narrower, and what is needed besides."""
    notes = []
    if use.machines and not use.lineage:
        notes.append(
            "The state is not made yet, so that its owner tag is not known and any is allowed. Narrower "
            "after: dcplan init"
        )
    made = [deed.resource.attributes for deed in use.deeds if deed.resource.address.kind == INSTANCE]
    if any(attributes.get("instance_profile") for attributes in made):
        notes.append(
            "Which role the instance profile holds is not known here. Put its ARN in place of role/* at "
            "iam:PassRole: as it is, any role may be given to a machine."
        )
    if use.machines:
        notes.append("The account stands as * in the ARNs, because a plan does not name it.")
    length = len(json.dumps(content, separators=(",", ":")))
    if length > LONGEST:
        notes.append(
            f"The policy has {length:,} characters, and a managed policy takes {LONGEST:,}: split it, or put "
            "it into the role as an inline policy (10,240)."
        )
    return tuple(notes)
