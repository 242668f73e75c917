"""The table of quality: shares with sources, by what is compressed and how large the model is."""

from __future__ import annotations

from typing import get_args

import pytest

from dcplan.catalog.formats import engine_runs, engines, formats, patterns, sparse
from dcplan.catalog.models import catalog_model_names
from dcplan.catalog.quality import _table, loss_of, released_in
from dcplan.config.document import ServeWorkload
from dcplan.config.strict import FormatName

ROWS, NATIVE = _table()


def test_documents_may_name_every_format_and_no_other() -> None:
    """The choices at the door are the catalogue's formats."""
    assert set(get_args(FormatName)) == set(formats())


def test_documents_may_name_every_engine_and_no_other() -> None:
    """So are the engines."""
    assert set(get_args(ServeWorkload.model_fields["engine"].annotation)) == set(engines())


def test_every_row_is_of_something_that_exists() -> None:
    """Weights are formats that keep caches in 16 bits, caches precisions, patterns patterns."""
    known = {
        "weights": {one.weights for one in formats().values()},
        "cache": {"fp8"},
        "pattern": {*patterns()},
    }

    assert all(row.what[1] in known[row.what[0]] for row in ROWS)
    assert all(row.loss.source.name and row.loss.source.date[:2] == "20" for row in ROWS)
    assert {model for model, _ in NATIVE} <= {*catalog_model_names()}
    assert {weights for _, weights in NATIVE} <= known["weights"]


def test_no_two_rows_say_different_things_of_the_same_size() -> None:
    """Sizes of rows about the same thing do not overlap."""
    for row in ROWS:
        twins = [r for r in ROWS if r.what == row.what and r.above < row.up_to and row.above < r.up_to]

        assert twins == [row]


def test_what_no_row_covers_is_unknown() -> None:
    """A size or a format without a row has no share at all."""
    assert loss_of("weights", "fp4", 4e11) is None
    assert loss_of("weights", "mxfp8", 7e9) is None
    assert released_in("llama-3.1-8b", "fp8") is None


@pytest.mark.parametrize("engine", ["vllm", "sglang", "trtllm"])
def test_every_engine_runs_bf16_on_nvidia(engine: str) -> None:
    """And none a format that it does not list."""
    assert engine_runs(engine, "NVIDIA", formats()["bf16-kv8"])
    assert not engine_runs(engine, "Nobody", formats()["bf16"])


def test_a_sparse_format_is_smaller_and_no_faster() -> None:
    """Half of the values and one index bit a weight; the peak stays the dense one."""
    dense = formats()["fp8"]
    thin = sparse(dense, "2:4")

    assert thin.mlp.bytes == 0.5 * dense.mlp.bytes + 1 / 8
    assert thin.mlp.peak == dense.mlp.peak
    assert thin.kv == dense.kv
