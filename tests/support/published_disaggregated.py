"""Published disaggregated runs: those that tell how many workers there were of each kind.

Most rows do not: their device counts are those of one worker of each kind, while rows of the same times that
do tell have up to ten.  Whether multi-token prediction was on is not told either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dcplan.calibrate import ServeRow
from dcplan.calibrate.serving import case_of
from dcplan.catalog import load_accelerators
from dcplan.catalog.efficiency import Efficiencies
from dcplan.perf.disaggregated import Disaggregated, closed_loop_s
from published import Row, rows_of, whole
from published_serving import CHIPS, MEAN_LENGTH, MODELS, TABLE, format_of

CARD_BYTES_PER_S = 50e9
"""One 400 Gbit/s network card for each device."""


@dataclass(frozen=True)
class SplitRow:
    """One run: both kinds of workers, and the times."""

    prefill: ServeRow
    decode: ServeRow
    prefill_workers: int
    decode_workers: int

    @property
    def model(self) -> str:
        """The model that was served."""
        return self.decode.model

    @property
    def tpot_s(self) -> float:
        """Mean time per output token."""
        return self.decode.tpot_s or 0.0

    @property
    def ttft_s(self) -> float:
        """Mean time to first token."""
        return self.decode.ttft_s or 0.0


def told(fact: Row) -> bool:
    """Disaggregated rows with the numbers of their workers."""
    return (
        fact["mode"] == "disagg"
        and bool(fact["prefill_workers"] and fact["decode_workers"])
        and (fact["model"] in MODELS and fact["accelerator"] in CHIPS)
    )


def disaggregated_rows() -> list[SplitRow]:
    """All rows that tell enough, each measurement once."""
    found = {}
    for line, fact in enumerate(rows_of(TABLE, told), 1):
        one = SplitRow(
            prefill=_worker(fact, line, "prefill"),
            decode=_worker(fact, line, "decode"),
            prefill_workers=whole(fact, "prefill_workers"),
            decode_workers=whole(fact, "decode_workers"),
        )
        found[one.model, fact["accelerator"], fact["tpot_ms"], fact["ttft_ms"]] = one
    return list(found.values())


def _worker(fact: Row, line: int, side: str) -> ServeRow:
    """One worker of a kind; with data-parallel attention the ranks are as many as those of experts."""
    model, chip = MODELS[fact["model"]], CHIPS[fact["accelerator"]]
    tensor, data = max(1, whole(fact, f"{side}_tp", 1)), max(1, whole(fact, f"{side}_attn_dp", 1))
    devices = tensor * data
    expert = min(max(1, whole(fact, f"{side}_ep", 1)), devices)
    precision, kv = format_of(fact, model, chip)
    return ServeRow(
        line=line,
        accelerator=chip,
        precision=precision,
        kv_precision=kv,
        software=fact["engine"],
        model=model,
        devices=devices,
        prompt_tokens=round(MEAN_LENGTH * whole(fact, "isl")),
        output_tokens=round(MEAN_LENGTH * whole(fact, "osl")),
        concurrency=whole(fact, "concurrency"),
        tensor=tensor,
        expert=expert,
        attention_data=data,
        lengths_vary=True,
        tpot_s=float(fact["tpot_ms"]) / 1e3,
        ttft_s=float(fact["ttft_ms"]) / 1e3,
    )


def predicted_disaggregated_s(
    rows: list[SplitRow], table: Efficiencies
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """TPOT and TTFT of each row, seconds."""
    first, second = (case_of([getattr(row, side) for row in rows], table) for side in ("prefill", "decode"))
    deployment = Disaggregated(
        prefill=first.replicas,
        decode=second.replicas,
        prefill_workers=np.array([row.prefill_workers for row in rows], dtype=float),
        decode_workers=np.array([row.decode_workers for row in rows], dtype=float),
        link_bytes_per_s=CARD_BYTES_PER_S * np.asarray(first.replicas.layouts.devices),
    )
    chips = load_accelerators()
    burst = [table.of(chips[row.prefill.accelerator], row.prefill.software)["burst"].value for row in rows]
    tpot, ttft = closed_loop_s(deployment, second.clients, burst=np.array(burst))
    return np.asarray(tpot, dtype=float), np.asarray(ttft, dtype=float)
