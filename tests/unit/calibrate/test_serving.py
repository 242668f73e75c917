"""Figures of serving engines from rows that are made with known ones."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from dcplan.basis import Basis
from dcplan.calibrate import Calibration, ServeRow, over, table_of
from dcplan.calibrate.serving import calibrate_serving, layout_of, predicted_s
from dcplan.catalog import Source
from dcplan.catalog.efficiency import ANY, Efficiencies, Figure, load_efficiencies

HERE = Source(name="made up", date="2026")


def row(model: str, chip: str, clients: int, tensor: int, **more: object) -> ServeRow:
    """One run without times."""
    plain = ServeRow(
        line=1,
        accelerator=chip,
        precision="fp8",
        software="vllm",
        source="made up",
        date="2026",
        model=model,
        devices=tensor,
        prompt_tokens=1000,
        output_tokens=500,
        concurrency=clients,
        tensor=tensor,
    )
    return replace(plain, **more)  # type: ignore[arg-type]  # each goes to its own field


def slow_table() -> Efficiencies:
    """An engine whose layers cost five times what is believed."""
    figures = {"layer_s": Figure(value=75e-6, basis=Basis.ASSUMED, source=HERE)}
    places = [(chip, "vllm") for chip in (ANY, "H100", "H200")]
    return load_efficiencies().with_figures(dict.fromkeys(places, figures))


@cache
def made() -> tuple[ServeRow, ...]:
    """Runs of two models on two chips, with the times of the slow engine."""
    rows = [
        row(model, chip, clients, tensor)
        for model in ("llama-3.1-8b", "qwen3-30b-a3b")
        for chip in ("H100", "H200")
        for clients, tensor in ((4, 1), (16, 2), (64, 4))
    ]
    tpot, ttft = predicted_s(rows, slow_table())
    return tuple(
        replace(one, tpot_s=float(t), ttft_s=float(f)) for one, t, f in zip(rows, tpot, ttft, strict=True)
    )


@cache
def found() -> tuple[Calibration, ...]:
    """What calibration makes of these runs, starting from the table as shipped."""
    return calibrate_serving(made(), load_efficiencies(), folds=2).unwrap()


def test_rows_bring_predictions_to_what_was_measured() -> None:
    """After calibration times per token of an engine with slow layers are met within 10 %."""
    before = predicted_s(made(), load_efficiencies())[0]
    after = predicted_s(made(), over(load_efficiencies(), table_of(found())))[0]
    measured = np.array([one.tpot_s for one in made()])

    assert float(np.median(np.abs(after / measured - 1))) < 0.1
    assert np.abs(after / measured - 1).max() < np.abs(before / measured - 1).max()


def test_an_engine_gets_figures_for_any_chip_and_for_those_measured() -> None:
    """Chips that nobody measured have the engine's own figures, measured ones what differs there."""
    assert [(one.accelerator, one.software) for one in found()] == [
        ("any", "vllm"),
        ("H100", "vllm"),
        ("H200", "vllm"),
    ]
    assert {judged.metric for judged in found()[0].judged} == {"tpot", "ttft"}


def test_ranks_of_experts_leave_pieces_of_each_expert() -> None:
    """Eight devices with two ranks of experts cut each expert in four."""
    layout = layout_of(row("qwen3-30b-a3b", "H100", 1, 4, attention_data=2, devices=8, expert=2))

    assert layout.expert_tensor == 4


def test_a_model_of_no_catalogue_is_our_own_bug() -> None:
    """Rows are checked when they are read, so that an unknown model here is a fault of dcplan."""
    with pytest.raises(ValueError, match="bug in dcplan"):
        predicted_s([row("nobody-knows", "H100", 1, 1)], load_efficiencies())
