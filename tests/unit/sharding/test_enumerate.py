"""Which layouts are looked at."""

from __future__ import annotations

import numpy as np
import pytest

from dcplan.catalog import load_catalog_model
from dcplan.sharding.legal import heads_allow, tensor_chain


@pytest.mark.parametrize(
    ("devices", "chain"), [(1, (1,)), (8, (8, 4, 2, 1)), (12, (12, 6, 3, 1)), (6, (6, 3, 1)), (7, (7, 1))]
)
def test_the_chain_divides_step_by_step(devices: int, chain: tuple[int, ...]) -> None:
    """Each size divides the one before, so that any mix fills a machine."""
    assert tensor_chain(devices) == chain


def test_heads_are_split_evenly_and_key_heads_split_or_copied() -> None:
    """Llama 70B with 64 heads and 8 key-value heads allows powers of two up to 64."""
    model = load_catalog_model("llama-3.1-70b")
    assert model is not None
    sizes = np.array([1.0, 3.0, 8.0, 16.0, 64.0, 128.0])

    assert list(heads_allow(model, sizes)) == [True, False, True, True, True, False]
