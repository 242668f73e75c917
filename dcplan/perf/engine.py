"""What a serving engine makes of the hardware, as numbers read from the efficiency table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dcplan.catalog.formats import formats
from dcplan.perf.numbers import Num

if TYPE_CHECKING:
    from dcplan.basis import Basis
    from dcplan.catalog.efficiency import Efficiency
    from dcplan.catalog.formats import Format, Precision


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """A serving engine on one accelerator with a model in one format.

    Seconds are what kernels, their launches and the host add to products, to
    reading memory and to sending bytes; factors scale what the accelerator's
    own measurements give for those.
    """

    step_s: Num
    """Host and scheduler, one step."""
    sequence_s: Num
    """Host, one request in one step."""
    layer_s: Num
    """Kernels of one layer beside its products: attention, norms, rotation."""
    routing_s: Num
    """The same of routing and sorting tokens in a layer of experts."""
    latent_s: Num
    """More kernels of a layer of latent attention (MLA)."""
    index_s: Num
    """More kernels of a layer of sparse attention: the indexer."""
    reduce_s: Num
    """Fixed cost of one small collective inside a step."""
    eager_layer_s: Num
    """Launching one layer of a step with prompts, which no CUDA graph replays."""
    eager_routing_s: Num
    eager_latent_s: Num
    stream_factor: Num
    """Bandwidth of reading weights in a step."""
    expert_stream_factor: Num
    """The same of experts, over ``stream_factor``."""
    cache_factor: Num
    """Bandwidth of reading caches."""
    mlp_factor: Num
    """Speed of products of dense MLPs; ``projections`` and ``wide`` alike."""
    expert_factor: Num
    """Speed of grouped products of experts."""
    projections_factor: Num
    wide_factor: Num
    wire_factor: Num
    """Bandwidth of collectives."""
    spread: Num
    """Tokens that choose experts independently of each other, as a share: routers have favourites."""
    imbalance: Num
    """How much of the spread that chance puts between ranks of experts shows."""
    mixed: Num
    """Share of a decode step that prompts computed in the same step do not add to."""
    poll_factor: Num
    """Steps between the arrival of a request and its first one."""
    queue_factor: Num
    """Wait of a prompt behind others, over that of a queue in which each is computed alone."""
    first_s: Num
    """From the client to the scheduler and back."""
    token_s: Num
    """Tokenising, one token of the prompt."""
    chunk_tokens: Num
    """Prompt tokens of one step at most."""
    hidden_copies: Num
    """Hidden-sized 16-bit buffers that one step holds for each of its tokens."""
    least_added: Num
    """Share of a prompt's own time that it adds to a step at least, however much of it the step hides."""
    prefill_kept: Num
    """Of a disaggregated prefill worker's best rate, what is left in practice; ``decode_kept`` alike."""
    decode_kept: Num
    basis: Basis


def engine_of(efficiency: Efficiency, numbers: str | Format = "bf16") -> Engine:
    """The engine that ``efficiency`` was looked up for, with a model in this format.

    An unknown format counts as bf16: ``device_of`` is who refuses it.
    """
    form = numbers if not isinstance(numbers, str) else formats().get(numbers, formats()["bf16"])
    plain = {
        name: efficiency[name].value
        for name in (
            *("step_s", "sequence_s", "layer_s", "latent_s", "index_s", "reduce_s"),
            *("eager_layer_s", "eager_routing_s", "eager_latent_s", "stream_factor", "wire_factor"),
            *("spread", "imbalance", "mixed", "poll_factor", "queue_factor", "first_s", "token_s"),
            *("chunk_tokens", "hidden_copies", "least_added", "prefill_kept", "decode_kept"),
        )
    }
    grouped = efficiency["grouped_factor"].value
    return Engine(
        **plain,
        routing_s=_narrow("routing_s", form.experts, efficiency),
        expert_stream_factor=_narrow("expert_stream_factor", form.experts, efficiency),
        cache_factor=_narrow("cache_factor", form.kv, efficiency),
        mlp_factor=_narrow("compute_factor", form.mlp, efficiency),
        expert_factor=_narrow("compute_factor", form.experts, efficiency) * grouped,
        projections_factor=_narrow("compute_factor", form.projections, efficiency),
        wide_factor=efficiency.narrow("compute_factor", "bf16").value,
        basis=efficiency["step_s"].basis,
    )


def _narrow(figure: str, precision: Precision, efficiency: Efficiency) -> float:
    """The figure for this precision, else for the one whose peak it reaches, else for all."""
    own = efficiency.get(f"{figure}/{precision.name}") or efficiency.get(f"{figure}/{precision.peak}")
    return (own or efficiency[figure]).value
