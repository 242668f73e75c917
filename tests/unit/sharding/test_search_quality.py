"""The search with margins, quality floors, variants and engines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from asked import ORIGIN, TABLE, chat, known, machine_class, only_error
from dcplan.catalog.efficiency import Profile
from dcplan.catalog.types import Source
from dcplan.demand.types import (
    Floor,
    Speculative,
    Variant,
)
from dcplan.sharding import ServeEstimate, search
from dcplan.sharding.trials import try_classes
from dcplan.sharding.ways import ways_of

CLASSES = [machine_class(name) for name in ("p5.48xlarge", "p4de.24xlarge", "g6.48xlarge")]


def test_a_plan_keeps_its_promise_by_the_margin_of_its_profile() -> None:
    """Where eight of ten runs took up to 1.5 times the prediction, that is a part of it."""
    judged = tuple(
        Profile(
            accelerator="H100",
            software="vllm",
            precision="any",
            metric=metric,
            date="2026-11",
            rows=50,
            groups=5,
            median=0.1,
            p90=0.2,
            bias=0.0,
            slow80=1.5,
            range={"prompt_tokens": (2000.0, 8000.0)},
            source=Source(name="ours", date="2026-11"),
        )
        for metric in ("ttft", "tpot")
    )
    unsure, demand = replace(TABLE, profiles=judged), chat(tpot_s=0.03)
    plain, safe = (
        search(demand, known("llama-3.1-70b"), CLASSES[:1], table).unwrap()[0][0]
        for table in (replace(TABLE, profiles=()), unsure)
    )

    assert safe.replicas * safe.devices >= plain.replicas * plain.devices
    assert isinstance(safe.estimate, ServeEstimate)
    for predicted in safe.estimate.predicted:
        parts = {part.name: part.seconds for part in predicted.estimate.parts}
        assert predicted.margin is not None
        assert predicted.margin.factor == 1.5
        assert parts["margin"] == pytest.approx(sum(parts.values()) / 3)
        assert predicted.estimate.seconds <= predicted.bound_s
        assert any("prompt tokens 1,000" in note for note in predicted.notes)


def test_a_floor_finds_cheaper_formats_and_says_what_it_ruled_out() -> None:
    """At 99% fp8 may be taken where it saves hardware; int4 is told to keep too little."""
    floor = Floor(kept=0.99, origin=(*ORIGIN, "quality", "floor"))
    whole, _ = search(chat(), known("llama-3.1-70b"), CLASSES[:1], TABLE).unwrap()
    found, report = search(replace(chat(), floor=floor), known("llama-3.1-70b"), CLASSES[:1], TABLE).unwrap()

    assert found[0].precision == "fp8"
    assert found[0].replicas * found[0].devices < whole[0].replicas * whole[0].devices
    assert found[0].quality is not None
    assert found[0].quality.kept >= 0.99
    assert "int4 (keeps 97.4%)" in str(report)


def test_a_variant_answers_where_it_is_good_enough() -> None:
    """A distilled model above the floor is chosen, and the candidate names it."""
    floor = Floor(kept=0.95, origin=(*ORIGIN, "quality", "floor"))
    small = Variant(
        name="small", model="s", format=None, pruned=None, kept=0.97, origin=(*ORIGIN, "variants", "small")
    )
    demand = replace(chat(), floor=floor, variants=(small,))
    models = {"s": known("llama-3.1-8b")}
    first = search(demand, known("llama-3.1-70b"), CLASSES[:1], TABLE, models).unwrap()[0][0]

    assert (first.variant, first.model) == ("small", "s")
    assert "small" in first.id


def test_an_engine_that_does_not_run_there_is_an_error_at_its_line() -> None:
    """TensorRT-LLM has no TPUs; the one that has is named."""
    demand = replace(chat(), software="trtllm")
    found = only_error(
        search(demand, known("llama-3.1-8b"), [machine_class("ct5lp-hightpu-8t")], TABLE).diagnostics
    )

    assert found.code == "engine-unsupported"
    assert found.path == (*ORIGIN, "engine")
    assert "vllm" in found.detail


def test_a_floor_that_leaves_nothing_that_fits_names_what_would() -> None:
    """A model too large in the formats that keep enough clashes with the floor's line."""
    floor = Floor(kept=0.999, origin=(*ORIGIN, "quality", "floor"))
    demand = replace(chat(ttft_s=60, tpot_s=1), floor=floor)
    found = only_error(
        search(demand, known("mixtral-8x22b"), [machine_class("g6.48xlarge", 1)], TABLE).diagnostics
    )

    assert found.code == "no-layout"
    assert found.path == floor.origin
    assert "keeps" in found.detail


def test_cached_prompts_save_hardware() -> None:
    """Where half of the prompt tokens are cached, a replica takes more requests."""
    plain, cached = (
        search(replace(chat(), prefix_hit_rate=share), known("llama-3.1-70b"), CLASSES[:1], TABLE).unwrap()[
            0
        ][0]
        for share in (0.0, 0.5)
    )

    assert isinstance(plain.estimate, ServeEstimate)
    assert isinstance(cached.estimate, ServeEstimate)
    assert cached.replicas * cached.devices <= plain.replicas * plain.devices
    rates = [one.estimate.max_requests_per_s / one.devices for one in (plain, cached)]  # type: ignore[union-attr]
    assert rates[1] > rates[0]


def test_a_good_draft_speeds_a_lone_request_up() -> None:
    """With a small draft that guesses well TPOT falls; the draft's memory is taken from the caches."""
    draft = Speculative(draft="d", tokens=4, acceptance=0.8, origin=(*ORIGIN, "speculative"))
    demand = chat(rate=0.5)
    models = {"d": known("llama-3.2-1b")}
    seconds, rooms = [], []
    for one in (demand, replace(demand, speculative=draft)):
        ways = ways_of(one, known("llama-3.1-70b"), models).unwrap()
        (trial,) = try_classes(one, [(CLASSES[0], ways.allowed[0])], TABLE)
        widest = int(np.argmax(trial.legal))
        seconds.append(trial.idle_s[1][widest])
        rooms.append(trial.room[widest])

    assert seconds[1] < 0.8 * seconds[0]
    assert rooms[1] < rooms[0]
    assert search(replace(demand, speculative=draft), known("llama-3.1-70b"), CLASSES, TABLE, models).ok
