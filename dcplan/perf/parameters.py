"""A transformer as the numbers that time and memory depend on: widths, counts, parameters, FLOPs."""

from __future__ import annotations

from dataclasses import dataclass

from dcplan.catalog.types import AttentionKind, Model
from dcplan.perf.numbers import Num, larger, smaller, where

NO_WINDOW = 2.0**40
"""Tokens that a layer without a window sees at most.  Numerical guard: beyond every context."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """What formulas must know of a model, numbers only: of one model, or arrays of many.

    Parameters are per layer unless the name says otherwise.
    """

    layers: Num
    attention_layers: Num
    linear_layers: Num
    dense_layers: Num
    """Layers with a dense MLP."""
    moe_layers: Num
    hidden: Num
    kv_heads: Num
    """Heads of keys and values that can be split over devices; 1 for the latent form, which is copied."""
    ffn: Num
    expert_ffn: Num
    shared_ffn: Num
    expert_hidden: Num
    vocab: Num
    score_width: Num
    """Width of all heads for scores and values: one query and one key cost ``4 x`` this many FLOPs."""
    decode_width: Num
    """The same against cached keys, which the latent form keeps compressed."""
    cache_width: Num
    """Numbers that one token leaves in the cache of one attention layer."""
    causal: Num
    """1 where a token sees only what stands before it and itself, 0 where it sees both sides: an encoder."""
    window: Num
    """Tokens that a sliding layer sees at most, on both sides together."""
    sliding_layers: Num
    """Attention layers that see only ``window`` tokens."""
    index_top_k: Num
    """Tokens that sparse attention picks; without bound for plain attention."""
    index_width: Num
    """Width of all heads of its indexer."""
    index_cache: Num
    linear_state: Num
    """Numbers that a sequence keeps in one linear mixer."""
    attention: Num
    """Projections of queries, keys, values and output."""
    linear: Num
    """Projections of one linear mixer."""
    dense_mlp: Num
    expert: Num
    """One expert."""
    shared: Num
    """All experts that every token passes, and the projections around latent experts."""
    router: Num
    norms: Num
    embedding: Num
    """Whole model: the input table."""
    head: Num
    """Whole model: the output projection as it is computed, tied or not."""
    tables: Num
    """Whole model: the tables that are kept, one where embeddings are tied."""
    experts: Num
    per_token: Num
    """Experts that one token passes, without the shared ones."""

    @property
    def sides(self) -> Num:
        """Sides of a token that it attends to: ``2 - causal``."""
        return 2 - self.causal

    @property
    def experts_total(self) -> Num:
        """Parameters of all routed experts: ``moe_layers x experts x expert``."""
        return self.moe_layers * self.experts * self.expert

    @property
    def projections_total(self) -> Num:
        """Of projections: ``attention_layers x attention + linear_layers x linear``."""
        return self.attention_layers * self.attention + self.linear_layers * self.linear

    @property
    def mlp_total(self) -> Num:
        """Of dense MLPs and shared experts: ``dense_layers x dense_mlp + moe_layers x shared``."""
        return self.dense_layers * self.dense_mlp + self.moe_layers * self.shared

    @property
    def linear_total(self) -> Num:
        """Without routed experts, routers, norms, embeddings: ``projections_total + mlp_total``."""
        return self.projections_total + self.mlp_total

    @property
    def wide_total(self) -> Num:
        """Those in 16 bits whatever the weights have: ``tables + moe_layers x router + layers x norms``."""
        return self.tables + self.moe_layers * self.router + self.layers * self.norms

    @property
    def total(self) -> Num:
        """Of the whole model: ``linear_total + experts_total + wide_total``."""
        return self.linear_total + self.experts_total + self.wide_total

    @property
    def active(self) -> Num:
        """Those of one token: ``linear_total + moe_layers x per_token x expert + wide_total``."""
        routed = self.moe_layers * self.per_token * self.expert
        return self.linear_total + routed + self.wide_total

    @property
    def matmul_active(self) -> Num:
        """Parameters that one token is multiplied with; the input table is only read.

        ``linear_total + moe_layers x (per_token x expert + router) + head``.
        """
        routed = self.moe_layers * (self.per_token * self.expert + self.router)
        return self.linear_total + routed + self.head


def parameters_of(model: Model) -> Parameters:
    """Count the parameters of a model.

    In one layer: attention ``h d (2 a + 2 k)``, an MLP or expert ``3 h f`` (2 h f where it has no gate), the
    latent form ``h q + q a (n + r) + h (c + r) + c a (n + v) + a v h`` with ranks q and c
    of queries and keys, n, r and v the widths of a head; whole model: ``2 V h``.
    Source: Kaplan et al. 2020 (arXiv 2001.08361) table 1 for the dense form,
    Ainslie et al. 2023 (arXiv 2305.13245) for grouped queries, DeepSeek-V3
    (arXiv 2412.19437) section 2.1 for latent attention and shared experts,
    Dao and Gu 2024 (arXiv 2405.21060) for linear mixers.
    """
    hidden, moe = model.hidden, bool(model.experts)
    latent = model.attention is AttentionKind.MLA
    behind = model.expert_hidden or hidden
    gated = model.gated_ffn if model.gated_experts is None else model.gated_experts
    matrices, expert_matrices = 3 if model.gated_ffn else 2, 3 if gated else 2
    shared_ffn = model.shared_ffn or model.shared_experts * model.expert_ffn
    narrowing = 2 * hidden * behind if model.expert_hidden else 0
    values = model.linear_heads * model.linear_head_dim
    dense_layers = model.dense_layers if moe else model.mlp_layers
    return Parameters(
        layers=model.layers,
        attention_layers=model.attention_layers,
        linear_layers=model.linear_layers,
        dense_layers=dense_layers,
        moe_layers=model.mlp_layers - dense_layers,
        hidden=hidden,
        kv_heads=1 if latent else model.kv_heads,
        ffn=model.ffn,
        expert_ffn=model.expert_ffn,
        shared_ffn=shared_ffn,
        expert_hidden=behind,
        vocab=model.vocab,
        score_width=_score_width(model),
        decode_width=(
            model.heads * (model.kv_lora_rank + model.qk_rope_dim / 2) if latent else _score_width(model)
        ),
        cache_width=(
            model.kv_lora_rank + model.qk_rope_dim if latent else 2 * model.kv_heads * model.head_dim
        ),
        causal=1.0 if model.causal else 0.0,
        window=model.sliding_window or NO_WINDOW,
        sliding_layers=model.sliding_layers if model.sliding_window else 0,
        index_top_k=model.index_top_k or NO_WINDOW,
        index_width=model.index_heads * model.index_head_dim,
        index_cache=model.index_head_dim,
        linear_state=values * model.linear_state_dim,
        attention=_attention(model),
        linear=hidden * (3 * values + 2 * model.linear_key_heads * model.linear_state_dim),
        dense_mlp=matrices * hidden * model.ffn,
        expert=expert_matrices * behind * model.expert_ffn,
        shared=expert_matrices * hidden * shared_ffn + narrowing,
        router=hidden * model.experts,
        norms=2 * hidden,
        embedding=model.vocab * hidden,
        head=model.vocab * hidden,
        tables=model.vocab * hidden * (1 if model.tied_embeddings else 2),
        experts=model.experts,
        per_token=model.experts_per_token,
    )


def _attention(model: Model) -> float:
    """Parameters of the projections of one attention layer, an indexer's included."""
    hidden, heads = model.hidden, model.heads
    if model.attention is not AttentionKind.MLA:
        return hidden * model.head_dim * (2 * heads + 2 * model.kv_heads)
    query_dim = heads * (model.qk_nope_dim + model.qk_rope_dim)
    rank = model.q_lora_rank
    query = hidden * rank + rank * query_dim if rank else hidden * query_dim
    latent = hidden * (model.kv_lora_rank + model.qk_rope_dim)
    expand = model.kv_lora_rank * heads * (model.qk_nope_dim + model.v_head_dim)
    index = model.index_heads * model.index_head_dim
    indexer = (rank or hidden) * index + hidden * (model.index_head_dim + model.index_heads) if index else 0
    return query + latent + expand + heads * model.v_head_dim * hidden + indexer


def _score_width(model: Model) -> float:
    """Mean of the widths of all query and of all value heads."""
    if model.attention is AttentionKind.MLA:
        return model.heads * (model.qk_nope_dim + model.qk_rope_dim + model.v_head_dim) / 2
    return model.heads * model.head_dim


def seen_tokens(p: Parameters, context: Num) -> Num:
    """Tokens that a token at the end of ``context`` looks at, summed over all attention layers.

    ``full layers x min(context, top_k) + sliding_layers x min(context, window)``.  Source: definition; the
    picking of tokens is DeepSeek-V3.2 (arXiv 2512.02556) section 2.1.
    """
    full = p.attention_layers - p.sliding_layers
    return full * smaller(context, p.index_top_k) + p.sliding_layers * smaller(context, p.window)


def kept_tokens(p: Parameters, context: Num) -> Num:
    """Tokens of ``context`` that stay in the cache, summed over all attention layers.

    ``full layers x context + sliding_layers x min(context, window)``.  Source: definition.
    """
    full = p.attention_layers - p.sliding_layers
    return full * context + p.sliding_layers * smaller(context, p.window)


def seen_pairs(p: Parameters, length: Num) -> Num:
    """Query-key pairs of a pass over ``length`` tokens, summed over all attention layers.

    ``sides w (length - w / 2)`` a layer, ``w = min(window / sides, length)``: without a window ``length^2 /
    2`` where attention is causal and ``length^2`` where it is full; a window of full attention lies half on
    each side.  Source: definition (Devlin et al. 2019, BERT, arXiv 1810.04805, section 3 for both sides;
    Warner et al. 2024, ModernBERT, arXiv 2412.13663, section 2.1.2 for its windows).
    """
    full = p.attention_layers - p.sliding_layers
    return full * _pairs(length, p.index_top_k, p.sides) + p.sliding_layers * _pairs(
        length, p.window, p.sides
    )


def _pairs(length: Num, window: Num, sides: Num) -> Num:
    """Query-key pairs of one layer whose queries see so many tokens, evenly on one or both sides of them."""
    short = smaller(window / sides, length)
    return sides * short * (length - short / 2)


def index_pairs(p: Parameters, length: Num) -> Num:
    """Query-key pairs that the indexer of sparse attention scores: ``attention_layers x length^2 / 2``.

    Source: DeepSeek-V3.2 (arXiv 2512.02556) section 2.1.
    """
    return where(p.index_width > 0, p.attention_layers * length * length / 2, 0.0)


def training_flops_per_token(p: Parameters, sequence: Num) -> Num:
    """Useful FLOPs of forward and backward of one token, pairs that the model attends to, nothing recomputed.

    ``6 matmul_active + 12 score_width x pairs / sequence + 18 x state``: the state of linear mixers has 3
    products of 2 FLOPs, forward and twice backward.  Source: Chowdhery et al. 2022 (PaLM, arXiv
    2204.02311) appendix B, halved where attention is causal; Dao and Gu 2024 (arXiv
    2405.21060) section 6 for the state.
    """
    attention = 12 * p.score_width * seen_pairs(p, sequence) / larger(sequence, 1.0)
    state = 18 * p.linear_layers * p.linear_state
    return 6 * p.matmul_active + attention + state
