"""Layouts as people write them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dcplan.perf.types import Layout
from dcplan.sharding.spelling import fields_named, spelled

sizes = st.sampled_from([1, 2, 3, 8, 64])


@settings(max_examples=200, deadline=None)
@given(
    st.builds(
        Layout,
        tensor=sizes,
        pipeline=sizes,
        data=sizes,
        expert=sizes,
        expert_tensor=sizes,
        context=sizes,
        zero=st.integers(0, 3),
        shard=st.sampled_from([0, 8]),
        micro_batch=sizes,
        virtual_stages=sizes,
        schedule=st.sampled_from(["1f1b", "gpipe", "zero-bubble"]),
        recompute=st.sampled_from(["none", "selective", "full"]),
    )
)
def test_what_is_spelled_is_read_back(layout: Layout) -> None:
    """A layout goes through its spelling unchanged."""
    fields = fields_named(spelled(layout)).unwrap()

    assert replace(Layout(), **fields) == layout  # type: ignore[arg-type]  # each goes to its own field


def test_people_may_write_it_their_way() -> None:
    """Capitals, spaces and commas, in any order, ZeRO with its hyphen."""
    fields = fields_named("PP2, TP8 ZeRO-3 full").unwrap()

    assert fields == {"pipeline": 2, "tensor": 8, "zero": 3, "recompute": "full", "expert_tensor": 8}


@pytest.mark.parametrize("text", ["tp0", "tp", "8", "pq4", "tp8-nonsense"])
def test_what_says_nothing_is_told(text: str) -> None:
    """A size of 0, a size without its number, a number alone and a strange word are each named."""
    (told,) = fields_named(text).diagnostics

    assert told.code == "unknown-layout"
    assert text.rpartition("-")[2] in told.detail


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("tp4-tp8", ("tp4", "tp8")),
        ("tp4-tp4", ("tp4", "tp4")),
        ("full-none", ("full", "none")),
        ("zero-3 pp2 zero1", ("zero3", "zero1")),
        ("gpipe-pp2-zero-bubble", ("gpipe", "zero-bubble")),
    ],
)
def test_what_is_said_twice_is_an_error(text: str, pieces: tuple[str, str]) -> None:
    """Neither the first nor the last of two pieces about the same field wins."""
    (told,) = fields_named(text).diagnostics

    assert told.summary == "A part of a layout is there twice"
    assert all(f'"{piece}"' in told.detail for piece in pieces)
