"""What every provider promises, as tests.

A provider's test file subclasses ``ProviderContract``:

    class TestAws(ProviderContract):
        updates = {"machine": {"pool": "renamed"}}

        def make(self, folder): ...
        def placement(self): ...
        def sell_out(self, provider): ...
        def slow_down(self, provider): ...

``ProviderInfo.lacks`` excuses a provider from a test by its name.  This module
needs pytest, so nothing but tests imports it.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dcplan.provider.contract_base import OURS, THEIRS, ContractBase, never, new_token
from dcplan.provider.errors import AlreadyGone, Cancelled, CapacityUnavailable, Conflict, ProviderError
from dcplan.provider.protocol import API_VERSION, Provider
from dcplan.provider.types import Ack, Idempotency, OfferingQuery
from dcplan.resources import Action, ResourceGraph

if TYPE_CHECKING:
    from pathlib import Path

THREADS = 8
"""How many begin at once."""


class ProviderContract(ContractBase):
    """The conformance tests; see ``ContractBase`` for what a subclass gives."""

    # What it is.

    def test_speaks_this_protocol(self, provider: Provider) -> None:
        """It has all methods and this version, and calls its kinds by their names."""
        assert isinstance(provider, Provider)
        assert provider.info.api_version == API_VERSION
        assert {name: kind.name for name, kind in provider.info.kinds.items()} == {
            name: name for name in provider.info.kinds
        }

    def test_excuses_name_tests(self, provider: Provider) -> None:
        """Every name in ``lacks`` is that of a test of this class."""
        tests = {name for name in dir(ProviderContract) if name.startswith("test_")}

        assert provider.info.lacks - tests == frozenset()

    def test_token_kinds_say_how_long(self, provider: Provider) -> None:
        """A kind that tells calls apart by token says for how long; the others do not."""
        kinds = provider.info.kinds.values()

        assert all((kind.token_ttl_s > 0) == (kind.idempotency is Idempotency.TOKEN) for kind in kinds)

    # What it describes.

    def test_machines_are_the_same_twice(self, provider: Provider) -> None:
        """The machine types do not depend on when they are asked for."""
        first, second = provider.machines(), provider.machines()

        assert first == second
        assert first.ok
        assert first.unwrap()

    def test_site_is_the_same_twice(self, provider: Provider) -> None:
        """Racks and links do not depend on when they are asked for, and are the provider's own."""
        first, second = provider.site(), provider.site()

        assert first == second
        assert first.ok
        assert {zone.provider for zone in first.unwrap()} <= {provider.info.name}

    def test_offerings_are_the_same_twice(self, provider: Provider) -> None:
        """The same question gets the same answer while nothing happens."""
        assert provider.offerings(OfferingQuery()) == provider.offerings(OfferingQuery())

    def test_offerings_are_of_known_machines(self, provider: Provider) -> None:
        """Each offering is one of this provider's, of a machine type that it describes."""
        machines = {machine.name for machine in provider.machines().unwrap()}
        offerings = provider.offerings(OfferingQuery()).unwrap()

        assert {offering.provider for offering in offerings} == {provider.info.name}
        assert {offering.machine for offering in offerings} <= machines

    def test_offerings_of_other_regions_are_left_out(self, provider: Provider) -> None:
        """Only the regions asked for are told of."""
        every = provider.offerings(OfferingQuery()).unwrap()
        region = every[0].region
        told = provider.offerings(OfferingQuery(regions=(region,))).unwrap()

        assert told == tuple(offering for offering in every if offering.region == region)
        assert provider.offerings(OfferingQuery(regions=("no-such-region",))).unwrap() == ()

    def test_unavailable_is_a_value(self, provider: Provider) -> None:
        """What is sold out stays among the offerings, and a create of it ends in CapacityUnavailable."""
        before = provider.offerings(OfferingQuery()).unwrap()
        request = self.request(self.grounded(provider))
        self.sell_out(provider)
        after = provider.offerings(OfferingQuery()).unwrap()

        assert [offering.pool for offering in after] == [offering.pool for offering in before]
        with pytest.raises(CapacityUnavailable):
            provider.begin(request)
        assert provider.lookup(request) == ()

    def test_resources_are_the_same_twice(self, provider: Provider) -> None:
        """Lowering is pure: equal placements, equal resources."""
        first, second = provider.resources_for(self.placement()), provider.resources_for(self.placement())

        assert first == second
        assert first.ok

    def test_resources_need_only_each_other(self, provider: Provider) -> None:
        """No address comes twice, and every need is among the resources."""
        resources = self.resources(provider)

        assert len(ResourceGraph.of(resources).resources) == len(resources)
        assert {resource.address.provider for resource in resources} == {provider.info.name}

    def test_every_kind_has_an_example(self, provider: Provider) -> None:
        """The example placement uses every kind that is declared, and no other."""
        assert {resource.address.kind for resource in self.resources(provider)} == set(provider.info.kinds)

    def test_resources_say_what_they_will_know(self, provider: Provider) -> None:
        """What is known after apply is what the kind declares, the id among it."""
        for resource in self.resources(provider):
            kind = provider.info.kinds[resource.address.kind]

            assert resource.known_after_apply == kind.outputs
            assert "id" in kind.outputs

    def test_replace_on_names_attributes(self, provider: Provider) -> None:
        """What cannot be changed in place is an attribute of its kind."""
        for resource in self.resources(provider):
            assert set(provider.info.kinds[resource.address.kind].replace_on) <= set(resource.attributes)

    def test_attributes_are_what_json_gives_back(self, provider: Provider) -> None:
        """Attributes survive a journey through a file unchanged."""
        for resource in self.resources(provider):
            assert json.loads(json.dumps(resource.attributes)) == resource.attributes

    # How it acts.

    def test_lookup_before_begin_finds_nothing(self, provider: Provider) -> None:
        """What was not begun is not there."""
        assert provider.lookup(self.request(self.bottom(provider))) == ()

    def test_lookup_after_begin_finds_it(self, provider: Provider) -> None:
        """What was begun is found by its request alone, with token and owner."""
        request = self.request(self.bottom(provider))
        ack = provider.begin(request)
        (found,) = provider.lookup(request)

        assert found.object_id == ack.object_id
        assert found.address == request.address
        assert found.lineage == request.lineage
        assert found.token in {request.token, None}

    def test_begin_twice_makes_one(self, provider: Provider) -> None:
        """The same request again gives the same object and makes no other."""
        request = self.request(self.bottom(provider))
        first, second = provider.begin(request), provider.begin(request)

        assert first.object_id == second.object_id
        assert [found.object_id for found in provider.owned(OURS)] == [first.object_id]

    def test_token_of_another_request_is_refused(self, provider: Provider) -> None:
        """A token that was used for one request cannot be used for another."""
        request = self.request(self.bottom(provider))
        provider.begin(request)

        with pytest.raises(Conflict):
            provider.begin(replace(request, address=replace(request.address, name="another")))

    def test_begins_at_once_make_one(self, provider: Provider) -> None:
        """Threads that begin the same request at the same time get the same object."""
        request = self.request(self.bottom(provider))
        with ThreadPoolExecutor(THREADS) as pool:
            acks = list(pool.map(provider.begin, [request] * THREADS))

        assert len({ack.object_id for ack in acks}) == 1
        assert len(provider.owned(OURS)) == 1

    def test_another_handle_sees_the_same_cloud(self, provider: Provider, tmp_path: Path) -> None:
        """After a restart, the same request gives the same object."""
        request = self.request(self.bottom(provider))
        ack = provider.begin(request)
        other = self.make(tmp_path)

        assert [found.object_id for found in other.lookup(request)] == [ack.object_id]
        assert other.begin(request).object_id == ack.object_id

    def test_wait_gives_the_declared_outputs(self, provider: Provider) -> None:
        """Each object, once ready, has the outputs its kind declares; its id is the ack's."""
        for resource in self.build(provider):
            assert set(resource.outputs) == set(provider.info.kinds[resource.address.kind].outputs)
            assert all(value is not None for value in resource.outputs.values())

    def test_wait_again_gives_the_same(self, provider: Provider) -> None:
        """A wait can be taken up again from the ack alone."""
        request = self.request(self.bottom(provider))
        ack = provider.begin(request)

        assert provider.wait(request, ack, never) == provider.wait(request, ack, never)

    def test_stop_ends_a_wait(self, provider: Provider) -> None:
        """A wait that is called off ends in Cancelled, and the object is still there."""
        self.slow_down(provider)
        request = self.request(self.bottom(provider))
        ack = provider.begin(request)

        with pytest.raises(Cancelled):
            provider.wait(request, ack, lambda: True)
        assert [found.ready for found in provider.lookup(request)] == [False]

    def test_refresh_finds_what_was_asked_for(self, provider: Provider) -> None:
        """Once ready, every object has the attributes that were asked for and the outputs that were given."""
        built = self.build(provider)
        found = provider.refresh(built).found

        for resource in built:
            there = found[resource.address]
            assert there is not None
            assert dict(there.attributes) == dict(resource.attributes)
            assert dict(there.outputs) == dict(resource.outputs)
            assert there.ready

    def test_refresh_answers_for_each_address(self, provider: Provider) -> None:
        """What is gone is None, not absent; looking at many is not one call for each."""
        built = self.build(provider)
        self.delete(provider, built[-1])
        refreshed = provider.refresh(built)

        assert set(refreshed.found) == {resource.address for resource in built}
        assert [a for a, there in refreshed.found.items() if there is None] == [built[-1].address]
        assert refreshed.calls < len(built)

    def test_update_in_place(self, provider: Provider) -> None:
        """An attribute outside ``replace_on`` changes without a new object."""
        for resource in self.build(provider):
            change = self.updates.get(resource.address.kind)
            if change is None:
                continue
            wanted = replace(resource, attributes={**resource.attributes, **change})
            request = self.request(wanted, Action.UPDATE)
            outputs = provider.wait(request, provider.begin(request), never)
            there = provider.refresh([wanted]).found[wanted.address]

            assert outputs["id"] == resource.outputs["id"]
            assert there is not None
            assert dict(there.attributes) == dict(wanted.attributes)

    def test_examples_of_updates_can_be_updates(self, provider: Provider) -> None:
        """The examples of this test class change nothing that forces a replacement."""
        fixed = {name: set(kind.replace_on) for name, kind in provider.info.kinds.items()}

        assert self.updates
        assert all(not fixed[name] & set(change) for name, change in self.updates.items())

    def test_delete_is_there_no_more(self, provider: Provider) -> None:
        """After the wait for a delete, nothing finds the object; everything can be deleted, last first."""
        built = self.build(provider)
        for resource in reversed(built):
            self.delete(provider, resource)

        assert provider.owned(OURS) == ()

    def test_delete_again_gives_the_same(self, provider: Provider) -> None:
        """A delete sent twice with one token is one delete."""
        (resource,) = self.build(provider, [self.bottom(provider)])
        request = self.request(resource, Action.DELETE)
        first = provider.begin(request)
        provider.wait(request, first, never)

        assert provider.begin(request).object_id == first.object_id

    def test_delete_of_what_is_gone(self, provider: Provider) -> None:
        """A delete of an object that is not there ends in AlreadyGone."""
        (resource,) = self.build(provider, [self.bottom(provider)])
        self.delete(provider, resource)

        with pytest.raises(AlreadyGone):
            self.delete(provider, resource)

    def test_update_of_what_is_gone(self, provider: Provider) -> None:
        """An update of an object that is not there ends in AlreadyGone."""
        (resource,) = self.build(provider, [self.bottom(provider)])
        self.delete(provider, resource)

        with pytest.raises(AlreadyGone):
            provider.begin(self.request(resource, Action.UPDATE))

    def test_owned_lists_exactly_ours(self, provider: Provider) -> None:
        """The owner tag tells two states apart, even where they use the same names."""
        bottom = self.bottom(provider)
        (ours,) = self.build(provider, [bottom])
        (theirs,) = self.build(provider, [bottom], lineage=THEIRS)

        assert [found.object_id for found in provider.owned(OURS)] == [ours.outputs["id"]]
        assert [found.object_id for found in provider.owned(THEIRS)] == [theirs.outputs["id"]]
        assert provider.owned("contract-nobody") == ()

    def test_only_provider_errors_escape(self, provider: Provider) -> None:
        """Requests that make no sense are refused with one of the known errors."""
        good = self.request(self.bottom(provider))
        senseless = [
            replace(good, token=new_token(), address=replace(good.address, kind="no-such-kind")),
            replace(good, token=new_token(), attributes={}),
            replace(good, token=new_token(), action=Action.UPDATE, object_id="no-such-object"),
            replace(good, token=new_token(), action=Action.DELETE, object_id=None),
        ]

        for request in senseless:
            with pytest.raises(ProviderError):
                provider.begin(request)
        with pytest.raises(ProviderError):
            provider.wait(good, Ack(object_id="no-such-object"), never)
