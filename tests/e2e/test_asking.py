"""``dcplan search`` and ``dcplan estimate``: questions without a document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from dcplan.cli.main import cli

TRAIN = ("-on", "H100", "-sequence", "8192", "-batch", "128")
SERVE = ("-on", "H200", "-prompt", "2000", "-output", "300")


def dcplan(*arguments: str) -> Result:
    """One command in this process; exit codes are as in a shell."""
    return CliRunner().invoke(cli, list(arguments))


def data_of(*arguments: str) -> Any:
    """What a command that goes well answers programs."""
    done = dcplan(*arguments, "-json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_search_ranks_training_layouts_by_their_step() -> None:
    """The fastest is first, all use every accelerator and fit, and people read the same as programs."""
    asked = ("search", "train", "llama-3.1-70b", *TRAIN, "-devices", "64", "-top", "5")
    best = data_of(*asked)["found"]["best"]
    shown = dcplan(*asked).stdout
    steps = [one["step"]["step"]["seconds"] for one in best]

    assert steps == sorted(steps)
    assert {one["devices"] for one in best} == {64}
    assert all(note in " ".join(shown.split()) for note in best[0]["notes"])
    assert all(one["memory_share"] <= 1 for one in best)
    assert "64 x H100" in shown
    assert "considered" in shown


def test_the_first_of_a_search_is_what_an_estimate_says_of_it() -> None:
    """The command that a search ends with gives the same step time, and its parts add up to it."""
    shown = dcplan("search", "train", "llama-3.1-8b", *TRAIN, "-devices", "16").stdout
    line = next(line for line in shown.splitlines() if "dcplan estimate" in line)
    first = data_of("search", "train", "llama-3.1-8b", *TRAIN, "-devices", "16")["found"]["best"][0]
    again = data_of(*line.partition("dcplan ")[2].split())["found"]
    parts = again["step"]["step"]["parts"]

    assert again["step"]["step"]["seconds"] == pytest.approx(first["step"]["step"]["seconds"])
    assert sum(part["seconds"] for part in parts) == pytest.approx(again["step"]["step"]["seconds"])
    assert {part["basis"] for part in parts} <= {"measured", "calibrated", "roofline", "assumed"}


def test_a_search_ranks_serving_layouts_within_the_sla() -> None:
    """Most tokens an accelerator first, and no bound is missed."""
    asked = ("search", "serve", "llama-3.1-70b", *SERVE, "-devices", "8", "-tpot", "40ms", "-ttft", "2s")
    layouts = data_of(*asked)["found"]["layouts"]
    rates = [one["output_tokens_per_s_per_device"] for one in layouts]

    assert rates == sorted(rates, reverse=True)
    assert all(one["tpot"]["estimate"]["seconds"] <= 0.040 for one in layouts)
    assert all(one["ttft"]["estimate"]["seconds"] <= 2 for one in layouts)


def test_one_serving_layout_is_taken_apart() -> None:
    """TTFT and TPOT are sums of parts with a basis each; twice the requests take no less time."""
    asked = ("estimate", "serve", "llama-3.1-70b", *SERVE, "-layout", "tp4", "-format", "fp8")
    few, many = (data_of(*asked, "-concurrency", str(n))["found"] for n in (8, 16))

    for metric in ("ttft", "tpot"):
        estimate = few[metric]["estimate"]

        assert sum(part["seconds"] for part in estimate["parts"]) == pytest.approx(estimate["seconds"])
        assert many[metric]["estimate"]["seconds"] >= estimate["seconds"]
    assert many["output_tokens_per_s"] > few["output_tokens_per_s"]


def test_a_config_json_stands_for_a_model(tmp_path: Path) -> None:
    """A model that the catalogue lacks is read from its config.json, and predicted as the same one there."""
    config = {
        "model_type": "llama",
        "num_hidden_layers": 32,
        "hidden_size": 4096,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "intermediate_size": 14336,
        "vocab_size": 128256,
        "max_position_embeddings": 131072,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    layout = (*TRAIN, "-layout", "tp2-dp4")
    own = data_of("estimate", "train", str(tmp_path / "config.json"), *layout)
    known = data_of("estimate", "train", "llama-3.1-8b", *layout)

    assert own["found"] == known["found"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("estimate", "train", "llama-3.1-7b", *TRAIN, "-layout", "tp2"), "Unknown model"),
        (("search", "train", "llama-3.1-8b", "-on", "H10", *TRAIN[2:], "-devices", "8"), "Unknown hardware"),
        (("estimate", "train", "llama-3.1-8b", *TRAIN, "-layout", "tp2-xy3"), "Unknown part of a layout"),
        (("estimate", "serve", "llama-3.1-70b", *SERVE, "-layout", "tp3"), "layout is not legal"),
        (("estimate", "serve", "llama-3.1-405b", *SERVE, "-layout", "tp1"), "does not fit"),
        (("search", "serve", "llama-3.1-70b", *SERVE, "-devices", "3"), "No equal replicas fill"),
        (("search", "train", "llama-3.1-405b", *TRAIN, "-devices", "8"), "does not fit"),
        (("search", "train", "llama-3.1-8b", *TRAIN, "-devices", "8", "-format", "fp9"), "Unknown precision"),
        (("search", "serve", "llama-3.1-70b", *SERVE, "-devices", "8", "-tpot", "1ms"), "fast enough"),
        (("search", "serve", "llama-3.1-70b", *SERVE, "-devices", "8", "-engine", "vlm"), "Unknown engine"),
        (("search", "serve", "llama-3.1-8b", *SERVE, "-devices", "8", "-engine", "fsdp"), "Unknown engine"),
        (("search", "train", "llama-3.1-8b", *TRAIN, "-devices", "8", "-framework", "x"), "Unknown frame"),
        (("estimate", "train", "llama-3.1-8b", *TRAIN, "-layout", "tp2", "-batch", "9" * 20), "size is"),
        (("estimate", "serve", "llama-3.1-8b", *SERVE, "-layout", "tp2-zero3-full"), "no part of a serving"),
        (("estimate", "serve", "llama-3.1-8b", *SERVE, "-layout", "tp2-ep2"), "layout is not legal"),
        (("estimate", "serve", "", *SERVE, "-layout", "tp2"), "Unknown model"),
        (("estimate", "serve", "nowhere.json", *SERVE, "-layout", "tp2"), "Unknown model"),
        (
            (
                "search", "train", "llama-3.1-8b", "-on", "A100-80", *TRAIN[2:], "-devices", "8",
                "-format", "fp8",
            ),
            "hardware fact is missing",
        ),
    ],
)  # fmt: skip
def test_a_wrong_question_is_answered_with_a_way_out(arguments: tuple[str, ...], says: str) -> None:
    """No traceback, exit code 1, a summary that says what is wrong."""
    done = dcplan(*arguments)

    assert done.exit_code == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_that_follows_a_search_asks_the_same_question() -> None:
    """Format and framework stand in it where they are not the usual ones."""
    asked = (
        "search",
        "train",
        "llama-3.1-8b",
        *TRAIN,
        "-devices",
        "8",
        "-format",
        "fp8",
        "-framework",
        "fsdp",
    )
    first = data_of(*asked, "-top", "1")["found"]["best"][0]
    line = next(line for line in dcplan(*asked).stdout.splitlines() if "dcplan estimate" in line)
    again = data_of(*line.partition("dcplan ")[2].split())["found"]

    assert again["step"]["step"]["seconds"] == pytest.approx(first["step"]["step"]["seconds"])


def test_requests_that_wait_are_not_memory_left_over() -> None:
    """More requests than the cache holds wait outside: caches take what there is and no more."""
    asked = ("estimate", "serve", "llama-3.1-70b", *SERVE, "-layout", "tp4", "-concurrency")
    shown, tight, free = dcplan(*asked, "1000"), data_of(*asked, "1000"), data_of(*asked, "400")
    waited, served = (one["found"]["ttft"]["estimate"]["seconds"] for one in (tight, free))

    assert "at a time, and 1,000 are sent: the others" in " ".join(shown.stderr.split())
    assert 0 <= tight["found"]["memory_slack_bytes"] < free["found"]["memory_slack_bytes"]
    assert sum(tight["found"]["memory"].values()) <= tight["machine"]["accelerator"]["memory_bytes"]
    assert waited > 2 * served


@pytest.mark.parametrize(
    ("arguments", "says", "never"),
    [
        (
            ("search", "serve", "llama-3.1-405b", "-on", "H100", *SERVE[2:], "-devices", "8"),
            ("name it with -format", "hardware with more memory with -on"),
            ("constraints", "pool"),
        ),
        (
            (
                "search",
                "serve",
                "llama-3.1-70b",
                *SERVE,
                "-devices",
                "8",
                "-format",
                "int4",
                "-floor",
                "0.9999",
            ),
            ("Lower -floor, or allow bf16 with -format",),
            ("constraints", "variants"),
        ),
        (
            ("estimate", "train", "llama-3.1-8b", *TRAIN, "-layout", "tp8-pp64"),
            ("with tp8 and pp64.",),
            ("tensor 8", "etp8"),
        ),
    ],
)
def test_who_asks_with_options_is_told_of_options(
    arguments: tuple[str, ...], says: tuple[str, ...], never: tuple[str, ...]
) -> None:
    """Without a document no key of one is named, and a layout is called as it was spelled."""
    told = " ".join(dcplan(*arguments).stderr.split())

    assert all(one in told for one in says), told
    assert not any(one in told for one in never), told


def test_what_nobody_spells_out_is_what_the_framework_has() -> None:
    """Megatron has no ZeRO-2 or 3 in a pipeline and no zero bubble: neither is taken unless asked for."""
    asked = ("estimate", "train", "llama-3.1-8b", *TRAIN, "-format", "fp8", "-layout")
    usual = data_of(*asked, "tp4-pp2-dp2")
    wanted = data_of(*asked, "tp4-pp2-dp2-zero3-zero-bubble")

    assert usual["found"]["layout"]["zero"] < 2
    assert usual["found"]["layout"]["schedule"] == "1f1b"
    assert [one["code"] for one in usual["diagnostics"]] == []
    assert [one["code"] for one in wanted["diagnostics"]] == ["beyond-framework"]
    assert "ZeRO-3 in a pipeline" in wanted["diagnostics"][0]["detail"]
    assert wanted["found"]["layout"]["zero"] == 3


def test_maxtext_stands_in_where_megatron_does_not_run() -> None:
    """On TPUs MaxText trains unless another framework is named, and the answer says so."""
    asked = ("estimate", "train", "llama-3.1-8b", "-on", "TPU-v5p", "-sequence", "8192", "-batch", "128",
             "-layout", "tp2-dp4")  # fmt: skip
    shown, usual, named = dcplan(*asked), data_of(*asked), data_of(*asked, "-framework", "megatron")
    on_gpus = data_of("estimate", "train", "llama-3.1-8b", *TRAIN, "-layout", "tp2-dp4")

    assert (usual["framework"], named["framework"], on_gpus["framework"]) == (
        "maxtext",
        "megatron",
        "megatron",
    )
    assert "megatron does not run on TPU-v5p: maxtext was taken" in " ".join(shown.stdout.split())
    assert usual["found"]["step"] != named["found"]["step"]
