"""Full attention beside causal: pairs, FLOPs, caches, and the time of one pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dcplan.basis import Basis
from dcplan.catalog import Model, load_accelerators, load_catalog_model
from dcplan.catalog.efficiency import load_efficiencies
from dcplan.demand.types import Lengths
from dcplan.perf import (
    Layout,
    Replicas,
    device_of,
    engine_of,
    layouts_of,
    parameters_of,
    training_flops_per_token,
    wires_of,
)
from dcplan.perf.decode import step_parts
from dcplan.perf.encoding import encoder_loop_s
from dcplan.perf.numbers import row, total
from dcplan.perf.parameters import seen_pairs
from dcplan.perf.prefill import prefill_parts, prefill_work_s
from dcplan.perf.serving import cache_room, cached_bytes, rate_at, ttft_parts
from dcplan.topology.types import Link, PoolLinks


def known(name: str) -> Model:
    """A model of the catalogue."""
    model = load_catalog_model(name)
    if model is None:
        raise LookupError(name)
    return model


def encoder(model: Model, tokens: float = 512.0, layout: Layout | None = None) -> Replicas:
    """Replicas of an encoder on H100s, for texts of one length."""
    chip = load_accelerators()["H100"]
    efficiency = load_efficiencies().of(chip, "vllm")
    device = device_of(chip, "bf16", efficiency)
    if device is None:
        raise LookupError("bf16")
    link = Link(bytes_per_s=chip.scale_up_bytes_per_s, latency_s=1e-6, basis=Basis.ASSUMED)
    text = Lengths(mean=tokens, p50=tokens, p95=tokens, p99=tokens)
    return Replicas(
        parameters=parameters_of(model),
        layouts=layouts_of(layout or Layout()),
        device=device,
        wires=wires_of(PoolLinks(pool="p", scale_up_domain=8, scale_up=link, scale_out=link), efficiency),
        engine=engine_of(efficiency, "bf16"),
        prompt=text,
        output=Lengths(mean=1.0, p50=1.0, p95=1.0, p99=1.0),
        arrival_cv2=1.0,
    )


def test_without_a_window_all_pairs_count() -> None:
    """Each of 512 tokens of BERT sees all 512 in each of 24 layers."""
    expected = 24 * 512 * 512

    assert expected == seen_pairs(parameters_of(known("bert-large")), 512.0)


def test_windows_lie_half_on_each_side() -> None:
    """18 of 28 layers of ModernBERT see 64 tokens on each side, as counted one by one."""
    length, reach = 1000, 64
    place = np.arange(length)
    # A pair is counted as the area that it takes, half a token for each side's own place.
    local = sum(min(at + 0.5, reach) + min(length - at - 0.5, reach) for at in place)
    expected = 10 * length**2 + 18 * local

    assert seen_pairs(parameters_of(known("modernbert-large")), float(length)) == pytest.approx(expected)


def test_useful_flops_count_all_pairs() -> None:
    """MFU of BERT counts 12 h s FLOPs a token and layer for attention, as PaLM's appendix B does."""
    p = parameters_of(known("bert-large"))
    expected = 6 * p.matmul_active + 12 * 24 * 1024 * 512

    assert training_flops_per_token(p, 512.0) == pytest.approx(expected)


def test_an_encoder_keeps_no_cache() -> None:
    """Nothing is kept of a text that was answered, and reading a cache takes no time."""
    r = encoder(known("bert-large"))

    assert row(cached_bytes(r, 512.0), 0) == 0
    assert row(step_parts(r, 8.0, 1.0)["kv cache"], 0) == 0
    assert row(step_parts(r, 8.0, 1.0)["head"], 0) == 0


def test_an_encoder_has_room_for_as_many_as_a_step_takes_in() -> None:
    """Texts that fit one step of the engine go together; a longer one goes by itself."""
    short, long = encoder(known("modernbert-large"), 512.0), encoder(known("modernbert-large"), 1e6)
    expected = row(short.engine.chunk_tokens, 0) / 512

    assert row(cache_room(short), 0) == pytest.approx(expected)
    assert row(cache_room(long), 0) == 1


def test_an_encoder_that_does_not_fit_has_no_room() -> None:
    """A model larger than the memory has room for nothing."""
    large = replace(known("bert-large"), layers=8000, attention_layers=8000, mlp_layers=8000)

    assert row(cache_room(encoder(large)), 0) == 0


def test_an_idle_encoder_answers_after_one_pass() -> None:
    """Without load the TTFT is one pass over the text, and the way from the client and back."""
    r = encoder(known("bert-large"))
    alone = row(total(prefill_parts(r, 512.0)), 0) + row(r.engine.first_s + r.engine.token_s * 512, 0)

    assert row(total(ttft_parts(r, 1e-6, 0.5)), 0) == pytest.approx(alone, rel=0.05)


def test_an_encoder_nears_the_rate_of_full_steps() -> None:
    """The rate rises with the texts of a step, and never beyond one text each time of its own work."""
    r = encoder(known("bert-large"))
    most = 1 / row(prefill_work_s(r), 0)
    rates = [row(rate_at(r, batch), 0) for batch in (1.0, 10.0, 100.0, 1000.0)]

    assert rates == sorted(rates)
    assert 0.9 * most < rates[-1] < most


def test_clients_of_an_encoder_share_steps() -> None:
    """Sixteen clients wait longer than one, for less than sixteen passes."""
    r = encoder(known("bert-large"))
    one, sixteen = row(encoder_loop_s(r, 1.0), 0), row(encoder_loop_s(r, 16.0), 0)

    assert one < sixteen < 16 * one
