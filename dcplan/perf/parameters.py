"""Parameters and FLOPs of a decoder-only transformer, counted from its architecture."""

from __future__ import annotations

from dataclasses import dataclass

from dcplan.catalog.types import AttentionKind, Model
from dcplan.perf.numbers import Num, smaller


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """How many parameters a model has, by use; per layer unless the name says otherwise."""

    attention: float
    """Projections of queries, keys, values and output."""
    dense_mlp: float
    expert: float
    """One expert."""
    shared: float
    """All experts that every token passes."""
    router: float
    norms: float
    embedding: float
    """Whole model: the input table."""
    head: float
    """Whole model: the output projection as it is computed, tied or not."""
    layers: int
    moe_layers: int
    experts: int
    per_token: int
    """Experts that one token passes, without the shared ones."""
    tied: bool

    @property
    def dense_layers(self) -> int:
        """Layers with a dense MLP."""
        return self.layers - self.moe_layers

    @property
    def experts_total(self) -> float:
        """Parameters of all routed experts of all layers."""
        return self.moe_layers * self.experts * self.expert

    @property
    def linear_total(self) -> float:
        """Parameters of all layers without routed experts, router, norms and embeddings."""
        return (
            self.layers * self.attention + self.dense_layers * self.dense_mlp + self.moe_layers * self.shared
        )

    @property
    def wide_total(self) -> float:
        """Parameters that stay in 16 bits whatever the weights have: embeddings, head, router, norms."""
        tables = self.embedding + (0 if self.tied else self.head)
        return tables + self.moe_layers * self.router + self.layers * self.norms

    @property
    def total(self) -> float:
        """Parameters of the whole model."""
        return self.linear_total + self.experts_total + self.wide_total

    @property
    def active(self) -> float:
        """Parameters that take part in one token, the whole model."""
        routed = self.moe_layers * self.per_token * self.expert
        return self.linear_total + routed + self.wide_total

    @property
    def matmul_active(self) -> float:
        """Parameters that one token is multiplied with: active ones, the input table is only read."""
        routed = self.moe_layers * (self.per_token * self.expert + self.router)
        return self.linear_total + routed + self.head


def parameters_of(model: Model) -> Parameters:
    """Count the parameters of a model.

    Source: Kaplan et al. 2020 (arXiv 2001.08361) table 1 for the dense form,
    Ainslie et al. 2023 (arXiv 2305.13245) for grouped queries, DeepSeek-V3
    (arXiv 2412.19437) section 2.1 for latent attention and shared experts.
    """
    matrices = 3 if model.gated_ffn else 2
    expert = matrices * model.hidden * model.expert_ffn
    return Parameters(
        attention=_attention(model),
        dense_mlp=matrices * model.hidden * model.ffn,
        expert=expert,
        shared=model.shared_experts * expert,
        router=model.hidden * model.experts,
        norms=2 * model.hidden,
        embedding=model.vocab * model.hidden,
        head=model.vocab * model.hidden,
        layers=model.layers,
        moe_layers=model.layers - model.dense_layers if model.experts else 0,
        experts=model.experts,
        per_token=model.experts_per_token,
        tied=model.tied_embeddings,
    )


def _attention(model: Model) -> float:
    """Parameters of the projections of one attention layer."""
    hidden, heads = model.hidden, model.heads
    if model.attention is not AttentionKind.MLA:
        return hidden * model.head_dim * (2 * heads + 2 * model.kv_heads)
    query_dim = heads * (model.qk_nope_dim + model.qk_rope_dim)
    rank = model.q_lora_rank
    query = hidden * rank + rank * query_dim if rank else hidden * query_dim
    latent = hidden * (model.kv_lora_rank + model.qk_rope_dim)
    expand = model.kv_lora_rank * heads * (model.qk_nope_dim + model.v_head_dim)
    return query + latent + expand + heads * model.v_head_dim * hidden


def score_width(model: Model) -> float:
    """Width of all heads for scores and values: one query and one key cost ``4 x`` this many FLOPs."""
    if model.attention is AttentionKind.MLA:
        return model.heads * (model.qk_nope_dim + model.qk_rope_dim + model.v_head_dim) / 2
    return model.heads * model.head_dim


def seen_tokens(model: Model, context: Num) -> Num:
    """Tokens that a token at the end of ``context`` looks at, summed over all layers (sliding windows)."""
    if not model.sliding_window or not model.sliding_layers:
        return model.layers * context
    full = model.layers - model.sliding_layers
    return full * context + model.sliding_layers * smaller(context, float(model.sliding_window))


def seen_pairs(model: Model, length: Num) -> Num:
    """Query-key pairs of a causal pass over ``length`` tokens, summed over all layers."""
    causal = length * length / 2
    if not model.sliding_window or not model.sliding_layers:
        return model.layers * causal
    window = smaller(float(model.sliding_window), length)
    full = model.layers - model.sliding_layers
    return full * causal + model.sliding_layers * window * (length - window / 2)


def training_flops_per_token(model: Model, sequence: Num) -> Num:
    """Useful FLOPs of forward and backward of one token, causal attention, nothing recomputed.

    ``6 x`` the parameters that it is multiplied with and ``12 x`` score width x
    pairs.  Source: Chowdhery et al. 2022 (PaLM, arXiv 2204.02311) appendix B,
    halved for the causal mask.
    """
    attention = 12 * score_width(model) * seen_pairs(model, sequence) / sequence
    return 6 * parameters_of(model).matmul_active + attention
