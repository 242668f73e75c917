"""Layouts as people write them: ``tp8-pp2-dp4``, in any order, with what is 1 left out."""

from __future__ import annotations

import re

from dcplan.diag import Diagnostic, Result, did_you_mean, error, listed
from dcplan.perf.layouts import RECOMPUTE, SCHEDULES
from dcplan.perf.types import Layout

SIZES = {
    "tp": "tensor",
    "pp": "pipeline",
    "dp": "data",
    "ep": "expert",
    "etp": "expert_tensor",
    "cp": "context",
    "vp": "virtual_stages",
    "mbs": "micro_batch",
    "zero": "zero",
    "hsdp": "shard",
}
"""Fields that a number follows, by what people call them."""

WORDS = {**dict.fromkeys(RECOMPUTE, "recompute"), **dict.fromkeys(SCHEDULES, "schedule")}
"""Words that stand for themselves."""

_PIECE = re.compile(r"^([a-z]+)(\d+)$")


def fields_named(text: str) -> Result[dict[str, int | str]]:
    """The fields of ``Layout`` that a text spells; every piece that is none, or says a field again, is told.

    ``tp8-pp4-dp2-ep8-vp2-mbs1-zero3-full`` and ``TP8 PP4`` alike.  Experts that
    are not dealt out are cut as the dense layers are.
    """
    problems: list[Diagnostic] = []
    fields: dict[str, int | str] = {}
    value: int | str
    # "zero-bubble" and "ZeRO-3" hold what separates pieces elsewhere.
    plain = text.lower().replace("zero-bubble", "zerobubble").replace("zero-", "zero")
    told: dict[str, str] = {}
    for piece in filter(None, re.split(r"[\s,\-]+", plain)):
        word = "zero-bubble" if piece == "zerobubble" else piece
        sized = _PIECE.match(piece)
        if word in WORDS:
            name, value = WORDS[word], word
        elif sized and sized.group(1) in SIZES and (int(sized.group(2)) or sized.group(1) == "zero"):
            name, value = SIZES[sized.group(1)], int(sized.group(2))
        else:
            problems.append(_unknown(piece, text))
            continue
        if name in fields:
            problems.append(_twice(told[name], word, text))
        fields.setdefault(name, value)
        told.setdefault(name, word)
    if problems:
        return Result(None, tuple(problems))
    if "expert" not in fields and "tensor" in fields:
        fields.setdefault("expert_tensor", fields["tensor"])
    return Result(fields)


def spelled(layout: Layout) -> str:
    """A layout as ``fields_named`` reads it back; what is as it is by default is left out."""
    plain = Layout()
    words = [f"tp{layout.tensor}"]
    for short, name in SIZES.items():
        value = getattr(layout, name)
        # Where experts are not dealt out, reading a layout back cuts them as the dense layers are.
        follows = layout.tensor if name == "expert_tensor" and layout.expert == 1 else getattr(plain, name)
        if value != follows and name != "tensor":
            words.append(f"{short}{value}")
    words += [
        getattr(layout, name)
        for name in ("schedule", "recompute")
        if getattr(layout, name) != getattr(plain, name)
    ]
    return "-".join(words)


def _unknown(piece: str, text: str) -> Diagnostic:
    letters = piece.rstrip("0123456789")
    hint = did_you_mean(letters, (*SIZES, *WORDS))
    return error(
        "unknown-layout",
        "Unknown part of a layout",
        f'"{piece}" in the layout "{text}" says nothing. {hint} A layout is sizes such as tp8-pp2-dp4 '
        f"({listed(sorted(SIZES))}) and words ({listed(sorted(WORDS))}).".replace("  ", " "),
    )


def _twice(first: str, second: str, text: str) -> Diagnostic:
    """A field that is said again, whether as before or not."""
    return error(
        "unknown-layout",
        "A part of a layout is there twice",
        f'"{first}" and "{second}" in the layout "{text}" say the same part of it. Keep one of them.',
    )
