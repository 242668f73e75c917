"""Laws of serving that hold whatever the model, the engine and the load."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.basis import Basis
from dcplan.catalog import load_accelerators, load_catalog_model
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.demand.types import Lengths
from dcplan.perf import (
    Layout,
    Replicas,
    Speculation,
    device_of,
    engine_of,
    layouts_of,
    parameters_of,
    wires_of,
)
from dcplan.perf.closed_loop import closed_loop_s
from dcplan.perf.decode import decode_parts
from dcplan.perf.disaggregated import Disaggregated, rate
from dcplan.perf.numbers import row, total
from dcplan.perf.prefill import chunk_within, prefill_parts
from dcplan.perf.serving import cache_room, rate_at, ttft_parts
from dcplan.topology.types import Link, PoolLinks

TABLE, CHIPS = load_efficiencies(), load_accelerators()
NAMES = ("llama-3.1-8b", "llama-3.1-70b", "qwen3-30b-a3b", "deepseek-v3", "gpt-oss-120b", "glm-5")
ENGINES = ("vllm", "sglang", "trtllm", "any")
PARAMETERS = {}
for known in NAMES:
    found = load_catalog_model(known)
    assert found is not None
    PARAMETERS[known] = parameters_of(found)

models, engines = st.sampled_from(NAMES), st.sampled_from(ENGINES)
chips = st.sampled_from(["H100", "H200", "B200"])
batches = st.floats(min_value=1, max_value=300)
factors = st.floats(min_value=1.0, max_value=8.0)


def even(tokens: float) -> Lengths:
    """Lengths that do not vary."""
    return Lengths(mean=tokens, p50=tokens, p95=tokens, p99=tokens)


def replicas(name: str, chip: str, engine: str, *layouts: Layout) -> Replicas:
    """Replicas of a model."""
    hardware = CHIPS[chip]
    efficiency = TABLE.of(hardware, engine)
    link = Link(bytes_per_s=hardware.scale_up_bytes_per_s, latency_s=1e-6, basis=Basis.ASSUMED)
    device = device_of(hardware, "fp8", efficiency)
    assert device is not None
    return Replicas(
        parameters=PARAMETERS[name],
        layouts=layouts_of(*layouts),
        device=device,
        wires=wires_of(PoolLinks(pool="p", scale_up_domain=8, scale_up=link, scale_out=link), efficiency),
        engine=engine_of(efficiency, "fp8"),
        prompt=even(1000),
        output=even(250),
        arrival_cv2=1.0,
    )


@settings(max_examples=30, deadline=None)
@given(name=models, chip=chips, engine=engines, batch=batches)
def test_no_engine_beats_the_datasheet(name: str, chip: str, engine: str, batch: float) -> None:
    """Under every engine's profile a step takes longer than at the datasheet's peaks."""
    r, hardware = replicas(name, chip, engine, Layout(tensor=8)), CHIPS[chip]
    p = r.parameters
    read_s = (p.linear_total + 2 * p.head) / 8 / hardware.memory_bytes_per_s
    assert hardware.fp8_flops is not None
    flops_s = 2 * batch * p.matmul_active / 8 / hardware.fp8_flops

    assert row(total(decode_parts(r, batch)), 0) >= max(read_s, flops_s * 0.999)


@settings(max_examples=30, deadline=None)
@given(name=models, engine=engines, clients=batches, factor=factors)
def test_more_clients_wait_longer_and_are_served_more(
    name: str, engine: str, clients: float, factor: float
) -> None:
    """In a closed loop tokens and answers come later with more clients, and all of them together get more."""
    r = replicas(name, "H100", engine, Layout(tensor=8))
    room = 1e6
    few, many = (closed_loop_s(r, n, room) for n in (clients, clients * factor))
    tokens = [
        n * 250 / (row(ttft, 0) + 249 * row(tpot, 0))
        for n, (tpot, ttft) in ((clients, few), (clients * factor, many))
    ]

    assert row(many[0], 0) >= row(few[0], 0) * 0.999
    assert row(many[1], 0) >= row(few[1], 0) * 0.999
    assert tokens[1] >= tokens[0] * 0.999


@settings(max_examples=20, deadline=None)
@given(
    name=models,
    engine=engines,
    lengths=st.sampled_from([(8000, 16), (30000, 2), (128, 4000), (8000, 1000)]),
    layout=st.sampled_from([Layout(tensor=8), Layout(tensor=1, data=8), Layout(tensor=2, pipeline=4)]),
)
def test_a_closed_loop_never_dips(name: str, engine: str, lengths: tuple[int, int], layout: Layout) -> None:
    """From one client to thousands no time falls and no throughput, however long prompts and answers are."""
    clients = np.geomspace(1, 3000, 40)
    prompt, output = (even(tokens) for tokens in lengths)
    r = replace(replicas(name, "H100", engine, *[layout] * len(clients)), prompt=prompt, output=output)
    tpot, ttft = (np.broadcast_to(np.asarray(one), clients.shape) for one in closed_loop_s(r, clients, 1e6))
    requests = clients / (ttft + (output.mean - 1) * tpot)

    assert (np.diff(tpot) >= -1e-6 * tpot[1:]).all()
    assert (np.diff(ttft) >= -1e-6 * ttft[1:]).all()
    assert (np.diff(requests) >= -1e-6 * requests[1:]).all()


@settings(max_examples=20, deadline=None)
@given(name=models, engine=engines, clients=st.floats(min_value=8, max_value=300))
def test_clients_without_room_in_the_cache_wait(name: str, engine: str, clients: float) -> None:
    """With room for half of the clients the others wait for an answer to end, and tokens come no slower."""
    r = replicas(name, "H100", engine, Layout(tensor=8))
    free, tight = closed_loop_s(r, clients, 1e6), closed_loop_s(r, clients, clients / 2)

    assert row(tight[1], 0) > row(free[1], 0)
    assert row(tight[0], 0) <= row(free[0], 0) * 1.001


@settings(max_examples=20, deadline=None)
@given(name=models, chip=chips, engine=engines, share=st.floats(min_value=0.05, max_value=0.95))
def test_a_prefix_cache_never_slows(name: str, chip: str, engine: str, share: float) -> None:
    """Cached prompts come no later, and at least as many requests a second are served."""
    cold = replicas(name, chip, engine, Layout(tensor=8))
    warm = replace(cold, cached_share=share)

    assert row(total(ttft_parts(warm, 8.0, 0.5)), 0) <= row(total(ttft_parts(cold, 8.0, 0.5)), 0) * 1.001
    assert row(rate_at(warm, 32.0), 0) >= row(rate_at(cold, 32.0), 0)


@settings(max_examples=20, deadline=None)
@given(name=models, engine=engines, batch=batches, drafts=st.integers(min_value=1, max_value=5))
def test_drafts_that_are_never_kept_only_cost(name: str, engine: str, batch: float, drafts: int) -> None:
    """Speculation without a kept draft is no faster than none, and one that keeps more is faster."""
    plain = replicas(name, "H100", engine, Layout(tensor=8))
    times = [
        row(
            total(
                decode_parts(
                    replace(plain, speculation=Speculation(drafts=drafts, acceptance=a, draft_share=0.05)),
                    batch,
                )
            ),
            0,
        )
        for a in (0.0, 0.5, 0.9)
    ]

    assert times[0] >= row(total(decode_parts(plain, batch)), 0)
    assert times[0] > times[1] > times[2]


@settings(max_examples=20, deadline=None)
@given(name=models, engine=engines, batch=batches, bound=st.floats(min_value=0.001, max_value=0.5))
def test_a_chunk_keeps_the_bound(name: str, engine: str, batch: float, bound: float) -> None:
    """A tighter bound on the time between tokens never allows a larger chunk."""
    r = replicas(name, "H100", engine, Layout(tensor=8))
    chunks = [row(chunk_within(r, batch, b), 0) for b in (bound, 2 * bound)]

    assert 0 <= chunks[0] <= chunks[1] <= row(r.engine.chunk_tokens, 0)


@settings(max_examples=15, deadline=None)
@given(name=st.sampled_from(["qwen3-30b-a3b", "deepseek-v3"]), engine=engines)
def test_data_ranks_hold_more_caches(name: str, engine: str) -> None:
    """Attention in copies keeps each cache once, latent attention in pieces on every device."""
    pieces = replicas(name, "B200", engine, Layout(tensor=8, expert=8))
    copies = replicas(name, "B200", engine, Layout(data=8, expert=8))
    ratio = row(cache_room(copies), 0) / row(cache_room(pieces), 0)

    assert ratio > 1 if name == "deepseek-v3" else ratio < 2


@settings(max_examples=15, deadline=None)
@given(
    name=models, prefills=st.integers(min_value=1, max_value=8), decodes=st.integers(min_value=1, max_value=8)
)
def test_the_slower_side_sets_the_rate(name: str, prefills: int, decodes: int) -> None:
    """Workers of either kind never lower the rate of a disaggregated deployment, on mixed accelerators."""
    workers = Disaggregated(
        prefill=replicas(name, "H100", "vllm", Layout(tensor=8)),
        decode=replicas(name, "H200", "vllm", Layout(tensor=8)),
        prefill_workers=prefills,
        decode_workers=decodes,
        link_bytes_per_s=50e9,
    )
    base = row(rate(workers, 32.0), 0)

    assert row(rate(replace(workers, prefill_workers=prefills + 1), 32.0), 0) >= base
    assert row(rate(replace(workers, decode_workers=decodes + 1), 32.0), 0) >= base
    assert row(rate(replace(workers, prefill_workers=2 * prefills, decode_workers=2 * decodes), 32.0), 0) == (
        pytest.approx(2 * base)
    )


@settings(max_examples=20, deadline=None)
@given(name=models, engine=engines, batch=batches)
def test_layouts_with_data_ranks_are_each_as_if_alone(name: str, engine: str, batch: float) -> None:
    """Arrays of layouts give what each layout gives alone."""
    several = [Layout(tensor=t, data=8 // t, expert=e) for t in (1, 2, 8) for e in (1, 8)]
    together = np.broadcast_to(
        np.asarray(total(decode_parts(replicas(name, "H100", engine, *several), batch))), 6
    )
    alone = [row(total(decode_parts(replicas(name, "H100", engine, one), batch)), 0) for one in several]
    prompts = replicas(name, "H100", engine, *several)

    assert list(together) == pytest.approx(alone)
    assert (np.asarray(total(prefill_parts(prompts, 500.0))) > 0).all()
