"""Prompts: from the first token of a request's prompt to the first token of its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dcplan.perf.compute import attention_prefill_s, head_s, mixer_s
from dcplan.perf.decode import is_latent, step_parts
from dcplan.perf.forward import device_under, pass_parts
from dcplan.perf.memory import stage_share
from dcplan.perf.numbers import Num, Parts, larger, smaller, total, where
from dcplan.perf.queueing import variation_of

if TYPE_CHECKING:
    from dcplan.perf.replicas import Replicas


def prefill_parts(r: Replicas, length: Num, prompts: Num = 1.0) -> Parts:
    """``prompts`` of ``length`` new tokens together on each data rank of an idle replica, seconds.

    ``chunks x pass_parts(prompts length / chunks) + attention + head + chunks x step_s + max(chunks x
    eager_s - device, 0)``, ``chunks = prompts length / chunk_tokens``, at least 1.  No CUDA graph replays a
    step with prompts, so that launching its kernels takes the host as long as it takes, and the device waits
    where it is sooner done.  An encoder's head is a few classes or none, and not counted.  Source: Agrawal
    et al. 2024 (Sarathi-Serve, arXiv 2403.02310) for chunks; the host's side is an own form, fitted.
    """
    p, e, tensor = r.parameters, r.engine, r.layouts.tensor
    device = device_under(e, r.device)
    chunks = larger(prompts * length / e.chunk_tokens, 1.0)
    tokens = prompts * length / chunks
    parts: Parts = {name: chunks * seconds for name, seconds in pass_parts(r, tokens).items()}
    parts["attention"] = prompts * _attention_s(r, length)
    parts["linear mixers"] = mixer_s(p, prompts * length, chunks * prompts, tensor, device)
    waiting = larger(chunks * eager_s(r) - total(parts), 0.0)
    parts["head"] = p.causal * head_s(p, 1.0, tensor, device)
    parts["overhead"] = waiting + chunks * e.step_s
    return parts


def _attention_s(r: Replicas, length: Num) -> Num:
    """Scores of the ``length`` last tokens of a prompt whose first ones may be cached."""
    device, tensor = device_under(r.engine, r.device), r.layouts.tensor
    whole = length / (1 - r.cached_share)
    cached = whole - length
    return attention_prefill_s(r.parameters, whole, tensor, device) - where(
        cached > 0, attention_prefill_s(r.parameters, cached, tensor, device), 0.0
    )


def eager_s(r: Replicas) -> Num:
    """Launching all kernels of a step with prompts, one by one, seconds.

    ``layers x eager_layer_s + attention_layers x eager_latent_s + moe_layers x eager_routing_s``.  Source:
    own form, fitted (docs/accuracy.md).
    """
    p, e = r.parameters, r.engine
    more = where(is_latent(p), e.eager_latent_s, 0.0) + where(p.index_width > 0, e.eager_latent_s, 0.0)
    return p.layers * e.eager_layer_s + p.attention_layers * more + p.moe_layers * e.eager_routing_s


def added_s(r: Replicas, prompts_s: Num, step_s: Num) -> Num:
    """What prompts that take ``prompts_s`` by themselves add to a step that takes ``step_s`` without them.

    ``prompts_s - mixed x min(step_s, (1 - least_added) prompts_s)``: in a step with both, weights are read
    and kernels launched once, so that a share ``mixed`` of the decode step is saved, 0 where an engine lets
    prompts go first.  Source: own form, fitted (docs/accuracy.md).
    """
    e = r.engine
    return prompts_s - e.mixed * smaller(step_s, (1 - e.least_added) * prompts_s)


def prefill_work_s(r: Replicas) -> Num:
    """How long the mean prompt keeps the busiest stage from decoding, seconds.

    ``(pass_parts(chunk) / chunk x length + attention(length sqrt(1 + cv2))) x stage_share / data``: a full
    chunk's cost per token, for weights are streamed and kernels launched for the
    decode step anyway.  Attention grows with the square of the length, so that
    its second moment counts.  Of data ranks each computes its own prompts.
    Source: follows from ``pass_parts``, ``attention_prefill_s``, ``stage_share``.
    """
    full = r.engine.chunk_tokens
    per_token = total({n: s for n, s in pass_parts(r, full).items() if n != "pipeline"}) / full
    variation = variation_of(r.prompt)
    length = r.new_tokens * (1 + variation) ** 0.5
    work = per_token * r.new_tokens + _attention_s(r, length)
    return work * stage_share(r.parameters.layers, r.layouts.pipeline) / r.layouts.data


def chunk_within(r: Replicas, batch: Num, tpot_s: Num) -> Num:
    """The largest chunk of prompt tokens with which a step of ``batch`` requests stays within ``tpot_s``.

    ``(tpot_s - step(batch)) / cost per token``, at most what the engine takes, 0 where decoding alone takes
    longer.  Tokens cost what those of a full chunk do.  Source: Agrawal et al. 2024 (Sarathi-Serve, arXiv
    2403.02310) section 4.3: the bound on the time between tokens sets the chunk.
    """
    full = r.engine.chunk_tokens
    per_token = total({n: s for n, s in pass_parts(r, full).items() if n != "pipeline"}) / full
    left = tpot_s - total(step_parts(r, batch, r.speculation.drafts + 1))
    return smaller(larger(left / per_token, 0.0), full)
