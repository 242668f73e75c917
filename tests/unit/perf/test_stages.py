"""What one machine does that holds some layers."""

from __future__ import annotations

import numpy as np
import pytest

from asked import CHIPS, TABLE, known, machine_class
from dcplan.catalog.formats import formats
from dcplan.demand.types import Lengths
from dcplan.perf import Layout, Replicas, device_of, engine_of, layouts_of, parameters_of, wires_of
from dcplan.perf.decode import decode_parts
from dcplan.perf.numbers import row, total
from dcplan.perf.serving import cache_room
from dcplan.perf.stages import head_pass_s, stage_pass_s, stage_room, stage_tokens_per_s


def one_machine(tensor: int = 8) -> Replicas:
    """Llama 70B on a machine with eight H100."""
    chip, form = CHIPS["H100"], formats()["bf16"]
    efficiency = TABLE.of(chip, "vllm")
    device = device_of(chip, form, efficiency)
    machines = machine_class("p5.48xlarge")
    assert device is not None
    prompt, output = (Lengths(mean=n, p50=n, p95=n, p99=n) for n in (1000.0, 300.0))
    return Replicas(
        parameters=parameters_of(known("llama-3.1-70b")),
        layouts=layouts_of(Layout(tensor=tensor)),
        device=device,
        wires=wires_of(machines.links, efficiency, machines.machine.fabric),
        engine=engine_of(efficiency, "bf16"),
        prompt=prompt,
        output=output,
        arrival_cv2=0.0,
    )


def test_stages_together_take_what_the_whole_model_takes_and_their_own_sends() -> None:
    """Two halves decode in the time of the whole, with one more step of a host, two sends and prompts."""
    r = one_machine()
    whole = row(total(decode_parts(r, 16.0)), 0)

    halves = 2 * row(stage_pass_s(r, 40.0, 16.0), 0) + row(head_pass_s(r, 16.0), 0)
    prompts = 2 * (row(stage_pass_s(r, 40.0, 16.0), 0) - row(stage_pass_s(r, 0.0, 16.0), 0))

    assert halves > whole
    assert halves - whole < 0.5 * prompts
    assert row(stage_pass_s(r, 80.0, 16.0), 0) < halves


def test_fewer_layers_pass_more_tokens_and_leave_more_room() -> None:
    """Rate and room fall with the layers held; the rate grows with the requests that go together."""
    r = one_machine()
    layers = np.arange(1.0, 81.0)

    rate = np.asarray(stage_tokens_per_s(r, layers, 32.0))
    room = np.asarray(stage_room(r, layers))
    batches = np.asarray(stage_tokens_per_s(r, 20.0, 2.0 ** np.arange(9)))

    assert (np.diff(rate) < 0).all()
    assert (np.diff(room) < 0).all()
    assert (np.diff(batches) > 0).all()


def test_all_layers_leave_the_room_of_the_whole_model() -> None:
    """A stage of all layers is a replica."""
    r = one_machine()

    assert row(stage_room(r, 80.0), 0) == pytest.approx(row(cache_room(r), 0))


def test_a_model_too_large_for_a_machine_has_no_room_there() -> None:
    """70B in 16 bits do not fit on one device; a quarter of it does."""
    r = one_machine(tensor=1)

    assert row(stage_room(r, 80.0), 0) < 0
    assert row(stage_room(r, 20.0), 0) > 1
