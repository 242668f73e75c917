"""Laws of units of prefill and decode workers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import asked
from asked import TABLE, known, machine_class
from dcplan.demand.types import Disaggregated, ServeDemand
from dcplan.perf.disaggregated import decode_rate, prefill_rate
from dcplan.sharding import MachineClass, search
from dcplan.sharding.serve_units import PAIRS
from dcplan.sharding.trials import try_classes
from dcplan.sharding.unit_sizes import unit_sizes
from dcplan.sharding.units import Sides, Space, Units, deployment, most_of, sides_of, units_in
from dcplan.sharding.ways import ways_of

models = st.sampled_from(("llama-3.1-8b", "llama-3.1-70b", "qwen3-30b-a3b", "gpt-oss-120b"))
names = st.sampled_from(("p5.48xlarge", "p4de.24xlarge", "a3-ultragpu-8g"))
bounds = st.tuples(st.floats(0.3, 3.0), st.floats(0.02, 0.2))


def machines_of(name: str) -> MachineClass:
    """Six machines of a type behind their usual links."""
    return machine_class(name, 6)


def chat(ttft_s: float, tpot_s: float, *, how: Disaggregated = Disaggregated.ALWAYS) -> ServeDemand:
    """A steady chat workload."""
    return asked.chat(
        ttft_s=ttft_s,
        tpot_s=tpot_s,
        rate=50.0,
        mean_requests_per_s=50.0,
        availability=None,
        disaggregated=how,
    )


def units_of(demand: ServeDemand, model: str, name: str) -> tuple[Sides, Units] | None:
    """All units that a search looks at; None where the model does not fit."""
    machines = machines_of(name)
    ways = ways_of(demand, known(model), {}).unwrap().allowed
    trials = try_classes(demand, [(machines, way) for way in ways], TABLE)
    sides = sides_of(trials, [trial.legal & trial.fits for trial in trials], demand)
    if sides is None:
        return None
    rows = sides.of(0)
    return sides, units_in(
        sides, Space(prefill=rows, decode=rows, sizes=unit_sizes(machines, least=2)), PAIRS
    )


@given(model=models, name=names, times=bounds)
@settings(max_examples=15, deadline=None)
def test_a_unit_never_takes_more_than_either_side(model: str, name: str, times: tuple[float, float]) -> None:
    """Its capacity is at most what its prefill workers compute, and what its decode workers answer."""
    demand = chat(*times)
    found = units_of(demand, model, name)
    if found is None:
        return
    sides, units = found
    d = deployment(sides, units)
    most = most_of(sides, units, demand)

    assert (most <= np.asarray(prefill_rate(d)) * (1 + 1e-9)).all()
    assert (most <= np.asarray(decode_rate(d, sides.decode_batch[units.decode])) * (1 + 1e-9)).all()


@given(model=models, name=names, times=bounds)
@settings(max_examples=15, deadline=None)
def test_no_unit_has_more_workers_than_devices_or_than_it_can_feed(
    model: str, name: str, times: tuple[float, float]
) -> None:
    """Workers of both kinds fit a unit; with one decode worker less it would not keep pace."""
    found = units_of(chat(*times), model, name)
    if found is None:
        return
    sides, units = found
    each = sides.devices[units.prefill], sides.devices[units.decode]
    prompts = sides.prefill_rate[units.prefill].max(axis=1)

    assert (units.prefill_workers * each[0] + units.decode_workers * each[1] <= units.devices).all()
    assert (units.prefill_workers >= 1).all()
    assert (units.decode_workers >= 1).all()
    assert ((units.decode_workers - 1) * sides.decode_rate[units.decode] <= prompts * (1 + 1e-6)).all()


@given(model=models, name=names, times=bounds)
@settings(max_examples=10, deadline=None)
def test_more_freedom_never_costs_more(model: str, name: str, times: tuple[float, float]) -> None:
    """Auto needs no more devices than always or never."""
    fewest = {}
    for how in Disaggregated:
        demand = replace(chat(*times), disaggregated=how)
        found = search(demand, known(model), [machines_of(name)], TABLE).value
        fewest[how] = min((c.replicas * c.devices for c in found[0]), default=np.inf) if found else np.inf

    assert fewest[Disaggregated.AUTO] == min(fewest.values())
