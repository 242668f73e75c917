"""Stages of a pipeline over unlike machines: what one machine does that holds some of the layers.

``Replicas`` stand for one machine with the whole model in one stage here
(pipeline 1); its layers take equal shares of time and memory, so that a machine
that holds some takes that share.  Formulas take whole columns: layers down,
requests of a pass across.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from dcplan.perf.collectives import send_s
from dcplan.perf.decode import kernels_s, step_parts
from dcplan.perf.device import SIXTEEN_BITS
from dcplan.perf.numbers import Num, total
from dcplan.perf.prefill import prefill_work_s
from dcplan.perf.serving import cache_room

if TYPE_CHECKING:
    from dcplan.perf.replicas import Replicas

ROUNDED = 1 + 1e-12
"""A hair more stages, so that their layers are never rounded up to one more.  Numerical guard."""


def head_pass_s(r: Replicas, batch: Num) -> Num:
    """The output projection for one token of each of ``batch`` requests, which one stage has, seconds.

    ``step_parts(batch)``, its part ``head``.  Source: follows from ``step_parts``.
    """
    return step_parts(r, batch, 1.0)["head"]


def step_share_s(r: Replicas, layers: Num, batch: Num) -> Num:
    """Decoding a token of each of ``batch`` requests through ``layers`` layers, and on to the next stage, s.

    ``(step_parts - head - step_s - sequence_s x batch) x layers / all + step_s + sequence_s x batch +
    send_s(batch x hidden x 2)``: each stage has a host of its own, which schedules a step; layers are
    taken to be alike.  Source: Narayanan et al. 2021 (arXiv 2104.04473) section 3.2 for what is sent;
    follows from ``step_parts``.
    """
    e = r.engine
    parts = step_parts(r, batch, 1.0)
    host = e.step_s + e.sequence_s * batch
    layered = total(parts) - parts["head"] - parts["overhead"] + kernels_s(r)
    sent = send_s(batch * r.parameters.hidden * SIXTEEN_BITS, r.stage_devices, _apart(r).wires)
    return layered * layers / r.parameters.layers + host + sent


def _apart(r: Replicas) -> Replicas:
    """The next stage is another machine, whatever scale-up links there are."""
    return replace(r, wires=replace(r.wires, domain=np.minimum(r.wires.domain, 1.0)))


def prompts_share_s(r: Replicas, layers: Num) -> Num:
    """How long a request's prompt keeps ``layers`` layers from decoding, for each token it decodes, seconds.

    ``prefill_work_s x layers / all / output``.  Source: follows from ``prefill_work_s``.
    """
    return prefill_work_s(r) * layers / r.parameters.layers / r.output.mean


def stage_pass_s(r: Replicas, layers: Num, batch: Num) -> Num:
    """How long a token is on a stage of ``layers`` layers where ``batch`` requests go together, seconds.

    ``step_share_s + batch x prompts_share_s``: prompts push in between.  Source: follows from
    ``step_share_s``, ``prompts_share_s``.
    """
    return step_share_s(r, layers, batch) + batch * prompts_share_s(r, layers)


def stage_tokens_per_s(r: Replicas, layers: Num, batch: Num) -> Num:
    """Output tokens/s of a machine that holds ``layers`` layers and is always busy with passes of ``batch``.

    ``batch / (stage_pass_s + head_pass_s)``: as if each stage had the head, because any may be the last.
    Source: follows from ``stage_pass_s``, ``head_pass_s``.
    """
    return batch / (stage_pass_s(r, layers, batch) + head_pass_s(r, batch))


def stage_room(r: Replicas, layers: Num) -> Num:
    """Requests for whose caches a machine with ``layers`` layers has room; below 0 its weights do not fit.

    ``cache_room`` of a pipeline of ``all / layers`` stages.  Source: follows from ``cache_room``.
    """
    stages = np.asarray(r.parameters.layers / np.asarray(layers) * ROUNDED)
    return cache_room(replace(r, layouts=replace(r.layouts, pipeline=stages)))
