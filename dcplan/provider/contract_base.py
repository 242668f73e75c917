"""Examples, hooks and helpers of the conformance tests; see ``contract``."""

from __future__ import annotations

import graphlib
import itertools
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dcplan.provider.types import Placement, Request, request_of
from dcplan.resources import Action, Address, JsonValue, Resource
from dcplan.resources.machines import is_group

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from dcplan.provider.protocol import Provider

OURS = "contract-ours"
THEIRS = "contract-theirs"
"""Two owners."""


class ContractBase:
    """What the tests of one provider start from: its examples and its hooks."""

    updates: Mapping[str, Mapping[str, JsonValue]] = {}
    """For each kind that can be changed in place: attributes and what they are changed to."""

    built_outputs: dict[Address, Mapping[str, JsonValue]]
    """Outputs of what ``build`` built; fresh for each test."""

    def make(self, folder: Path) -> Provider:
        """A provider of an empty cloud kept in ``folder``; called again, another handle on the same cloud."""
        raise NotImplementedError

    def placement(self) -> Placement:
        """A small placement that uses every kind of resource."""
        raise NotImplementedError

    def sell_out(self, provider: Provider) -> None:
        """Let no more machines be free, from now on."""
        raise NotImplementedError

    def slow_down(self, provider: Provider) -> None:
        """Let new objects take a minute or more to become ready, from now on."""
        raise NotImplementedError

    @pytest.fixture
    def provider(self, tmp_path: Path, request: pytest.FixtureRequest) -> Provider:
        """The provider under test, unless it is excused from this test."""
        self.built_outputs = {}
        provider = self.make(tmp_path)
        name = request.node.originalname
        if name in provider.info.lacks:
            pytest.skip(f"{provider.info.name} lacks {name}")
        return provider

    def resources(self, provider: Provider) -> tuple[Resource, ...]:
        """The resources of the example, what is needed before what needs it."""
        lowered = provider.resources_for(self.placement()).unwrap()
        by_address = {resource.address: resource for resource in lowered}
        order = graphlib.TopologicalSorter({address: r.needs for address, r in by_address.items()})
        return tuple(by_address[address] for address in order.static_order())

    def bottom(self, provider: Provider) -> Resource:
        """A resource of the example that needs no other: a machine, where there is one."""
        free = [resource for resource in self.resources(provider) if not resource.needs]
        return next((resource for resource in free if _is_machine(resource)), free[0])

    def grounded(self, provider: Provider) -> Resource:
        """A machine of the example, once all that it needs (a network, say) is built."""
        resources = self.resources(provider)
        machine = next((r for r in resources if _is_machine(r)), self.bottom(provider))
        below, ahead = set(), [*machine.needs]
        needs = {resource.address: resource.needs for resource in resources}
        while ahead:
            need = ahead.pop()
            below.add(need)
            ahead.extend(needs[need])
        self.build(provider, [resource for resource in resources if resource.address in below])
        return machine

    def request(self, resource: Resource, action: Action = Action.CREATE, lineage: str = OURS) -> Request:
        """A request with a fresh token; what it needs must have been built before."""
        needs = {str(a): o for a, o in self.built_outputs.items() if a in resource.needs}
        return request_of(resource, action, token=new_token(), lineage=lineage, needs=needs)

    def build(
        self, provider: Provider, resources: Iterable[Resource] | None = None, lineage: str = OURS
    ) -> list[Resource]:
        """Create resources (default: the whole example) and wait for each; they come back with outputs."""
        built = []
        for resource in self.resources(provider) if resources is None else resources:
            request = self.request(resource, lineage=lineage)
            outputs = provider.wait(request, provider.begin(request), never)
            self.built_outputs[resource.address] = outputs
            built.append(replace(resource, outputs=outputs))
        return built

    def delete(self, provider: Provider, resource: Resource) -> None:
        """Delete one built resource and wait until it is gone."""
        request = self.request(resource, Action.DELETE)
        provider.wait(request, provider.begin(request), never)


def _is_machine(resource: Resource) -> bool:
    """Whether it is one machine, which is had by the call that asks for it; of a group a wait tells."""
    return "machine" in resource.attributes and not is_group(resource.attributes)


_counter = itertools.count()


def new_token() -> str:
    """A token that was not used before, shaped as clouds want it; the same in every run."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"contract {next(_counter)}"))


def never() -> bool:
    """Do not stop waiting."""
    return False
