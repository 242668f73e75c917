"""Whatever is done to a document, loading it answers with diagnostics that have a place."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

import pytest

from dcplan.config import load_document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DOCUMENT = """\
# A rich document that uses every kind of key.
project: demo
variables:
  region: {default: us-east-1, description: "Where to run"}
  rate: {type: rate, default: 40/s}
  layers: {type: integer, default: 32}
providers:
  local: {inventory: nodes.yaml, token: "${env.TOKEN}"}
  aws:
    profile: prod
models:
  small: &small
    catalog: llama-3.1-8b
  again:
    <<: *small
  own:
    architecture:
      layers: ${var.layers}
      hidden: 4096
      heads: 32
      kv_heads: 8
      ffn: 14336
      vocab: 128256
      sliding_window: 4096
      sliding_layers: 4
      moe: {experts: 8, experts_per_token: 2, expert_ffn: 1024, dense_layers: 1}
      mla: {q_lora_rank: 1536, kv_lora_rank: 512, qk_nope_dim: 128, qk_rope_dim: 64, v_head_dim: 128}
workloads:
  chat:
    kind: serve
    model: small
    traffic:
      requests_per_s: ${var.rate}
      prompt_tokens: {mean: 4k, p50: 2k, p95: 12k, p99: 32k}
      output_tokens: 250
      burstiness: 2.5
      headroom: 30%
    sla:
      ttft: {p50: 200ms, p95: 500ms}
      tpot: {p95: 50ms}
      availability: 99.9%
    constraints:
      providers: [local, aws]
      regions: ["${var.region}", eu-west-1]
      precisions: [bf16, fp8]
      spread: {over: zone, at_least: 2}
      affinity:
        - workload: tune
          at: region
          apart: true
      spot_share: 25%
  replay:
    kind: serve
    model: own
    traffic: {trace: traces/day.csv, scale: 10}
    sla: {tpot: {p99: 100ms}}
  tune:
    kind: train
    model: own
    tokens: 15T
    sequence_length: 8192
    global_batch: 512
    deadline: 30d
constraints:
  budget: $5000/month
  accelerators: [h100, h200]
objective: {minimise: cost, horizon: 30d}
"""
ENV = {"TOKEN": "0123456789abcdef-secret"}
MUTANTS = 600
SCALARS = (
    "12", "-1", "0", "3.5", "1e400", "yes", "010", "1:30", "null", "", "[]", "{}", "[1, {a: b}]", "text",
    "~", ".inf", ".nan", "!!int 3", "!foo x", "*nowhere", "&a [*a]", "'quoted'", "30 parsecs", "$", "99%",
    "${var.x}", "${env.NONE}", "${var.region}", "${", "{a: {b: {c: d}}}", "9999999999999999999999", "true",
    "|", "- -",
)  # fmt: skip
BYTES = (
    b"\x00", b"\xff", b"\t", b"\xc3", b"\xef\xbb\xbf", b"\xe2\x80\xa8", b"\r", b"{", b"]", b":",
    b"#", b"'", b'"', b"&", b"*", b"%", b"@", b"- ", b"? ", b"---\n", b"...\n", b"<<: ",
    b"\xf0\x9f\x98\x80",
)  # fmt: skip


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _drop_a_line(text: str, chance: random.Random) -> str:
    lines = _lines(text)
    del lines[chance.randrange(len(lines))]
    return "".join(lines)


def _double_a_line(text: str, chance: random.Random) -> str:
    lines = _lines(text)
    at = chance.randrange(len(lines))
    lines.insert(chance.randrange(at, len(lines)), lines[at])
    return "".join(lines)


def _swap_lines(text: str, chance: random.Random) -> str:
    lines = _lines(text)
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    return "".join(lines)


def _shift_a_line(text: str, chance: random.Random) -> str:
    lines = _lines(text)
    at = chance.randrange(len(lines))
    lines[at] = (
        chance.choice((" ", "  ", "\t", "      ")) + lines[at] if chance.random() < 0.5 else lines[at][1:]
    )
    return "".join(lines)


def _misspell_a_key(text: str, chance: random.Random) -> str:
    found = chance.choice(list(re.finditer(r"[a-z_]+(?=:)", text)))
    key = found[0]
    at = chance.randrange(len(key))
    wrong = key[:at] + chance.choice(("", "x", "_", key[at].upper(), "${var.region}")) + key[at + 1 :]
    return text[: found.start()] + wrong + text[found.end() :]


def _exchange_a_value(text: str, chance: random.Random) -> str:
    found = chance.choice(list(re.finditer(r"(?<=: )[^\s,{}\[\]]+", text)))
    return text[: found.start()] + chance.choice(SCALARS) + text[found.end() :]


def _break_a_unit(text: str, chance: random.Random) -> str:
    found = chance.choice(list(re.finditer(r"(?<=\d)(ms|d|k|T|%|/s|/month)", text)))
    return text[: found.start()] + chance.choice(("", "x", " parsecs", "/s", "%", "MS")) + text[found.end() :]


def _cut_the_end(text: str, chance: random.Random) -> str:
    return text[: chance.randrange(len(text))]


MUTATIONS: tuple[Callable[[str, random.Random], str], ...] = (
    _drop_a_line, _double_a_line, _swap_lines, _shift_a_line, _misspell_a_key, _exchange_a_value,
    _exchange_a_value, _break_a_unit, _cut_the_end,
)  # fmt: skip


def _mutant(seed: int) -> bytes:
    """The document after one to four mutations, and sometimes some stray bytes."""
    chance = random.Random(seed)  # noqa: S311 - a test's own dice
    text = DOCUMENT
    for _ in range(chance.randint(1, 4)):
        try:
            text = chance.choice(MUTATIONS)(text, chance)
        except (IndexError, ValueError):  # an earlier cut left nothing to mutate
            break
    data = text.encode()
    if chance.random() < 0.3:
        at = chance.randrange(len(data) + 1)
        data = data[:at] + chance.choice(BYTES) + data[at:]
    return data


def _lines_of(data: bytes) -> int:
    """How many lines the file has, a last empty one counted."""
    text = data.decode("utf-8", errors="replace")
    return len(re.split(r"\r\n|[\r\n\x85\u2028\u2029]", text))


def test_the_document_itself_is_good(tmp_path: Path) -> None:
    """The mutants start from a document without a diagnostic."""
    file = tmp_path / "dcplan.yaml"
    file.write_text(DOCUMENT, encoding="utf-8")
    result = load_document([file], env=ENV)

    assert result.diagnostics == ()
    assert result.ok


@pytest.mark.parametrize("part", range(4))
def test_a_mutant_loads_or_is_diagnosed_in_place(part: int, tmp_path: Path) -> None:
    """Never an exception; every diagnostic has code, summary and a line of the file; no secret is shown."""
    file = tmp_path / "dcplan.yaml"
    refused = 0
    for seed in range(part, MUTANTS, 4):
        data = _mutant(seed)
        file.write_bytes(data)
        result = load_document([file], env=ENV)
        refused += not result.ok

        assert result.ok or result.diagnostics, f"seed {seed}: refused without a word"
        for d in result.diagnostics:
            assert d.code, f"seed {seed}"
            assert d.summary, f"seed {seed}"
            assert d.range is not None, f"seed {seed}: {d}"
            assert 1 <= d.range.line <= _lines_of(data), f"seed {seed}: {d}"
            assert ENV["TOKEN"] not in d.detail, f"seed {seed}: {d}"
    assert refused > MUTANTS // 8, "the mutations no longer hurt"
