"""Decoding: one token for each request under way; of an encoder, which has none, what a step takes anyway."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dcplan.perf.compute import attention_decode_s, head_s, mixer_s
from dcplan.perf.forward import device_under, pass_parts
from dcplan.perf.numbers import Num, Parts, larger, total, where
from dcplan.perf.speculation import tokens_a_step

if TYPE_CHECKING:
    from dcplan.perf.parameters import Parameters
    from dcplan.perf.replicas import Replicas


def decode_parts(r: Replicas, batch: Num) -> Parts:
    """What one token of each of ``batch`` requests takes, seconds.

    ``step_parts(gamma + 1) x (1 + gamma c) / tokens_a_step``: with speculation a step checks several tokens
    and yields more than one; without it is the step itself.  Source: follows from
    ``step_parts``; Leviathan et al. 2023 (arXiv 2211.17192) theorem 3.8.
    """
    s = r.speculation
    parts = step_parts(r, batch, s.drafts + 1)
    drafts = s.drafts * s.draft_share * total(parts)
    yielded = tokens_a_step(s)
    return {**{name: seconds / yielded for name, seconds in parts.items()}, "drafts": drafts / yielded}


def step_parts(r: Replicas, batch: Num, tokens_each: Num) -> Parts:
    """One step of the model over ``tokens_each`` tokens of each of ``batch`` requests, seconds.

    ``pass_parts + head_s + attention_decode_s + mixer_s + step_s + kernels_s + sequence_s x batch / p`` for
    ``batch / (p x data)`` sequences: pipeline stages work on different shares of the
    batch at the same time, and a token passes all of them; data ranks share the
    batch.  Requests' tokens share one read of their cache; weights, experts and
    collectives see all tokens.  An encoder has no tokens to decode, no cache and no head for words: what is
    left is the weights' reading and the engine's own time, which a step of prompts takes however few they
    are.  Source: Pope et al. 2022 (arXiv 2211.05102) section 2;
    what the host and small kernels take is an own form, fitted (docs/accuracy.md).
    """
    p, e, tensor = r.parameters, r.engine, r.layouts.tensor
    batched = larger(batch / (r.layouts.pipeline * r.layouts.data), 1.0)
    sequences = where(p.causal > 0, batched, 1.0)
    tokens = sequences * tokens_each
    device = device_under(e, r.device)
    cache = replace(device, stream_bytes_per_s=r.device.stream_bytes_per_s * e.cache_factor)
    parts = pass_parts(r, tokens)
    parts["head"] = p.causal * head_s(p, tokens, tensor, device)
    parts["kv cache"] = p.causal * attention_decode_s(p, sequences, r.context, tensor, cache)
    parts["linear mixers"] = mixer_s(p, tokens, sequences, tensor, device)
    parts["overhead"] = e.step_s + kernels_s(r) + e.sequence_s * larger(batch / r.layouts.pipeline, 1.0)
    return parts


def kernels_s(r: Replicas) -> Num:
    """All kernels of a step beside products, attention's reading and collectives, seconds.

    ``layers x layer_s + attention_layers x (latent_s + index_s) + moe_layers x routing_s``.  Source: own
    form, fitted (docs/accuracy.md).
    """
    p, e = r.parameters, r.engine
    latent = where(is_latent(p), e.latent_s, 0.0) + where(p.index_width > 0, e.index_s, 0.0)
    return p.layers * e.layer_s + p.attention_layers * latent + p.moe_layers * e.routing_s


def is_latent(p: Parameters) -> Any:
    """Whether attention is of the latent kind (MLA): only then cached keys are as wide as this."""
    return p.decode_width > p.score_width
