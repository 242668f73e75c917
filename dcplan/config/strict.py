"""What all that is read from users' files has in common, and the words that stand everywhere."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from dcplan.config.values import Count, Duration

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$|^[a-z]$")]
"""Lower-case letters, digits and hyphens, as clouds allow them in names."""


PositiveCount = Annotated[Count, Field(gt=0)]
PositiveDuration = Annotated[Duration, Field(gt=0)]


FormatName = Literal[
    "bf16",
    "fp8",
    "int8",
    "fp4",
    "int4",
    "fp16",
    "fp8-block",
    "mxfp8",
    "mxfp4",
    "mxfp4-experts",
    "int4-experts",
    "fp4-experts",
    "bf16-kv8",
    "fp8-kv8",
    "fp8-block-kv8",
    "int8-kv8",
    "fp4-kv8",
    "int4-kv8",
    "fp4-experts-kv8",
]
"""Number formats of the catalogue (``formats.yaml``); a test holds the two together."""


class Strict(BaseModel):
    """Base of everything in the document: frozen, no unknown keys, finite numbers.

    Validators are built when first asked for: only ``Document``'s is needed
    to load a file, and building the others would double the start-up time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)
