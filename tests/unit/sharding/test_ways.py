"""Ways to keep a model: what a quality floor lets through, and what it says of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dcplan.catalog import load_accelerators, load_catalog_model
from dcplan.demand.types import Allowed, Floor, Lengths, Limits, Pruned, ServeDemand, Variant
from dcplan.perf.parameters import parameters_of
from dcplan.sharding import QualityBasis
from dcplan.sharding.ways import Way, Ways, smaller, ways_of

if TYPE_CHECKING:
    from dcplan.catalog.types import Model

ORIGIN = ("workloads", "chat")
CHIPS = load_accelerators()


def known(name: str) -> Model:
    """A model of the catalogue."""
    model = load_catalog_model(name)
    if model is None:
        raise LookupError(name)
    return model


def asked(
    *variants: Variant, floor: float | None = None, precisions: tuple[str, ...] | None = None
) -> ServeDemand:
    """A workload that runs Llama-3.1-70B."""
    lengths = Lengths(mean=1000, p50=800, p95=2500, p99=4000)
    limit = (
        None
        if precisions is None
        else Allowed(names=precisions, origin=(*ORIGIN, "constraints", "precisions"))
    )
    return ServeDemand(
        name="chat",
        model="llama-3.1-70b",
        requests_per_s=1.0,
        mean_requests_per_s=1.0,
        prompt_tokens=lengths,
        output_tokens=lengths,
        arrival_cv2=1.0,
        bounds=(),
        availability=None,
        basis="declared",
        limits=Limits(precisions=limit),
        origin=ORIGIN,
        floor=None if floor is None else Floor(kept=floor, origin=(*ORIGIN, "quality", "floor")),
        variants=variants,
    )


def variant(
    name: str = "other",
    *,
    model: str = "llama-3.1-70b",
    form: str | None = None,
    pattern: str | None = None,
    ratio: float = 0.0,
    kept: float | None = None,
) -> Variant:
    """A variant of the workload's model, or another model."""
    pruned = Pruned(pattern=pattern, ratio=ratio) if pattern or ratio else None
    return Variant(
        name=name, model=model, format=form, pruned=pruned, kept=kept, origin=(*ORIGIN, "variants", name)
    )


def found(demand: ServeDemand, model: str = "llama-3.1-70b") -> Ways:
    """The ways of a demand."""
    return ways_of(demand, known(model), {"llama-3.1-8b": known("llama-3.1-8b")}).unwrap()


def allowed(demand: ServeDemand, model: str = "llama-3.1-70b") -> dict[str, Way]:
    """What may be searched, by name."""
    return {way.name: way for way in found(demand, model).allowed}


def test_without_a_floor_only_what_is_listed_is_searched() -> None:
    """Bf16 alone, or the listed precisions in their order."""
    assert list(allowed(asked())) == ["bf16"]
    assert list(allowed(asked(precisions=("fp8", "int4")))) == ["fp8", "int4"]


def test_a_floor_allows_what_is_known_to_reach_it_and_tells_the_rest() -> None:
    """At 99% fp8 and int8 do, int4 does not, and what nobody measured does not either."""
    ways = found(asked(floor=0.99))
    ruled_out = {one.way: one.quality for one in ways.ruled_out}

    assert [way.name for way in ways.allowed] == ["bf16", "fp8", "int8"]
    assert ruled_out["int4"] is not None
    assert ruled_out["int4"].kept < 0.99
    assert ruled_out["mxfp8"] is None


def test_every_share_of_quality_has_a_source() -> None:
    """The original is whole; a catalogued share names what it was measured on and when."""
    ways = allowed(asked(floor=0.5))

    assert ways["bf16"].quality is not None
    assert (ways["bf16"].quality.kept, ways["bf16"].quality.basis) == (1.0, QualityBasis.ORIGINAL)
    assert ways["fp8"].quality is not None
    assert ways["fp8"].quality.basis is QualityBasis.CATALOGUED
    assert "Llama-3-70B" in ways["fp8"].quality.source
    assert "2024" in ways["fp8"].quality.source


def test_losses_multiply() -> None:
    """Weights and cache in fewer bits keep the product of what each keeps."""
    ways = allowed(asked(floor=0.5))
    weights, cache, both = (ways[name].kept for name in ("fp8", "bf16-kv8", "fp8-kv8"))
    quality = ways["fp8-kv8"].quality

    assert both == pytest.approx(weights * cache)
    assert quality is not None
    assert quality.basis is QualityBasis.COMBINED


def test_small_models_lose_more_to_few_bits() -> None:
    """The catalogue's share depends on the size: int4 keeps less of 8B than of 70B."""
    small, large = (
        allowed(asked(floor=0.5), name)["int4"].kept for name in ("llama-3.1-8b", "llama-3.1-70b")
    )

    assert small < large


def test_a_model_loses_nothing_in_the_format_it_was_released_in() -> None:
    """DeepSeek-V3 was trained in blocks of fp8."""
    ways = allowed(asked(floor=1.0), "deepseek-v3")

    assert ways["fp8-block"].kept == 1.0
    assert "arXiv 2412.19437" in ways["fp8-block"].quality.source if ways["fp8-block"].quality else False


def test_a_declared_quality_is_believed_and_formats_cost_on_top() -> None:
    """A distilled model at 98% is allowed at 97%, in fp8 as well, but not in int4."""
    small = variant("small", model="llama-3.1-8b", kept=0.98)
    ways = allowed(asked(small, floor=0.97))

    assert {name for name in ways if name.startswith("small/")} == {"small/bf16", "small/fp8"}
    assert ways["small/bf16"].model.name == "llama-3.1-8b"
    assert ways["small/fp8"].kept == pytest.approx(
        0.98 * allowed(asked(floor=0.5), "llama-3.1-8b")["fp8"].kept
    )


def test_a_checkpoint_in_a_format_has_the_declared_quality_alone() -> None:
    """A declared quality of a checkpoint in int4 is not lowered by the catalogue's."""
    ways = allowed(asked(variant("awq", form="int4", kept=0.995), floor=0.99))

    assert ways["awq/int4"].kept == 0.995
    assert [name for name in ways if name.startswith("awq/")] == ["awq/int4"]


def test_structured_sparsity_halves_weights_and_has_its_own_share() -> None:
    """2:4 keeps half of the weights and an index, and 97.3% of an 8B model's score."""
    ways = allowed(asked(variant("thin", pattern="2:4"), floor=0.97), "llama-3.1-8b")

    assert ways["thin/bf16"].kept == pytest.approx(0.973)
    assert ways["thin/bf16"].form.mlp.bytes == pytest.approx(2 * 0.5 + 1 / 8)
    assert ways["thin/bf16"].form.kv.bytes == 2.0


def test_sparsity_of_a_size_that_nobody_measured_is_unknown() -> None:
    """The catalogue has 2:4 for 8B only, so that a 70B one is not allowed without a declared quality."""
    thin = variant("thin", pattern="2:4")
    sure = variant("thin", pattern="2:4", kept=0.99)

    assert "thin/bf16" not in allowed(asked(thin, floor=0.5))
    assert "thin/bf16" in allowed(asked(sure, floor=0.5))


@pytest.mark.parametrize("of", ["width", "layers"])
def test_pruning_a_quarter_leaves_a_smaller_model(of: str) -> None:
    """Width or layers: the pruned model has fewer parameters, but not fewer than the share that is left."""
    model = known("llama-3.1-70b")
    share = parameters_of(smaller(model, Pruned(ratio=0.25, of=of))).total / parameters_of(model).total

    assert 0.74 < share < 0.9


def test_listed_precisions_and_the_floor_both_hold() -> None:
    """With both lines only what satisfies both is searched."""
    ways = found(asked(floor=0.99, precisions=("fp8", "int4")))

    assert [way.name for way in ways.allowed] == ["fp8"]
    assert [one.way for one in ways.ruled_out] == ["int4"]


def test_a_floor_that_nothing_reaches_tells_the_best_that_is_known() -> None:
    """The error stands at the floor, names the best share and what is unknown."""
    result = ways_of(asked(floor=0.99, precisions=("int4", "mxfp8")), known("llama-3.1-70b"), {})
    (problem,) = result.diagnostics

    assert problem.code == "floor-unreachable"
    assert problem.path == (*ORIGIN, "quality", "floor")
    assert "int4, which keeps 97.4%" in problem.detail
    assert "Nobody knows what mxfp8 would keep" in problem.detail
    assert [note.path for note in problem.related] == [(*ORIGIN, "constraints", "precisions")]


def test_hardware_and_engine_must_know_the_format() -> None:
    """Fp8 caches need a chip with fp8, int8 an engine that has it, and every engine its vendors."""
    ways = allowed(asked(floor=0.5))

    assert ways["fp8-kv8"].runs_on("vllm", CHIPS["H100"])
    assert not ways["bf16-kv8"].runs_on("vllm", CHIPS["A100-80"])
    assert ways["int4"].runs_on("vllm", CHIPS["A100-80"])
    assert not ways["int8"].runs_on("trtllm", CHIPS["H100"])
    assert not ways["bf16"].runs_on("trtllm", CHIPS["MI300X"])
