"""Whose an object is, and what was asked for: tags that every object carries from its first moment."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dcplan.provider.types import Found, Request
from dcplan.resources import Address, JsonValue

LINEAGE = "dcplan-lineage"
ADDRESS = "dcplan-address"
TOKEN = "dcplan-token"  # noqa: S105 - a name of a tag, not a secret
PROJECT = "dcplan-project"
PART = "dcplan-part-of"
"""On parts of a larger object: the token of the call that made it."""
_ATTRIBUTES = "dcplan-attributes"
_LONGEST = 256
"""Of a tag's value (EC2 User Guide, "Tag restrictions"); EC2 allows every character in it."""


@dataclass(frozen=True, slots=True)
class By:
    """Which objects a look is for: those with these ids, or with this tag."""

    key: str
    """``id``, ``LINEAGE`` or ``TOKEN``."""
    values: tuple[str, ...]
    lineage: str = ""
    """The owner, where a token is asked for."""


Tags = Mapping[str, str]


def owner_tags(request: Request) -> dict[str, str]:
    """Who made it, by which call, under which name."""
    project = request.attributes.get("project")
    return {
        "Name": f"dcplan {request.address.name}",
        LINEAGE: request.lineage,
        ADDRESS: str(request.address),
        TOKEN: request.token,
        **({PROJECT: project} if isinstance(project, str) else {}),
    }


def attribute_tags(attributes: Mapping[str, JsonValue]) -> dict[str, str]:
    """What was asked for, as JSON over as many tags as it takes."""
    text = json.dumps(dict(attributes), sort_keys=True, separators=(",", ":"))
    parts = [text[i : i + _LONGEST] for i in range(0, len(text), _LONGEST)]
    return {f"{_ATTRIBUTES}-{i}": part for i, part in enumerate(parts)}


def coded_tags(attributes: Mapping[str, JsonValue]) -> dict[str, str]:
    """The same for services whose tags take neither braces nor quotes: base64, of three bytes in one piece.

    So no tag ends in padding, and what an update leaves behind comes after the end.
    """
    text = json.dumps(dict(attributes), sort_keys=True, separators=(",", ":"))
    coded = base64.b64encode(f"{text}{' ' * (-len(text.encode()) % 3)}".encode()).decode()
    parts = [coded[i : i + _LONGEST] for i in range(0, len(coded), _LONGEST)]
    return {f"{_ATTRIBUTES}-{i}": part for i, part in enumerate(parts)}


def attributes_in(tags: Tags) -> dict[str, JsonValue] | None:
    """What was asked for; None where the tags do not tell (any more)."""
    parts = sorted(
        (int(key.rpartition("-")[2]), value) for key, value in tags.items() if key.startswith(_ATTRIBUTES)
    )
    text, decoder = "".join(value for _, value in parts), json.JSONDecoder()
    try:
        if text and not text.startswith("{"):
            text = base64.b64decode(text).decode(errors="replace")
        # An update may have left tags behind that are not needed any more.
        attributes: dict[str, JsonValue] = decoder.raw_decode(text)[0]
    except ValueError:
        return None
    return attributes


def as_list(tags: Tags) -> list[dict[str, str]]:
    """Tags as AWS takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def as_mapping(tags: Sequence[Mapping[str, str]] | None) -> dict[str, str]:
    """Tags as AWS gives them."""
    return {tag["Key"]: tag["Value"] for tag in tags or ()}


def specified(tags: Tags, *kinds: str) -> list[dict[str, Any]]:
    """Tags for what a call of EC2 makes."""
    return [{"ResourceType": kind, "Tags": as_list(tags)} for kind in kinds]


def found(  # noqa: PLR0913 - all that is known of one object
    tags: Tags,
    object_id: str,
    *,
    ready: bool,
    outputs: Mapping[str, JsonValue],
    attributes: Mapping[str, JsonValue] | None = None,
    made_at_s: float | None = None,
) -> Found | None:
    """An object of dcplan's; None for what carries no address of ours."""
    try:
        address = Address.parse(tags.get(ADDRESS, ""))
    except ValueError:
        return None
    return Found(
        object_id=object_id,
        address=address,
        ready=ready,
        attributes=attributes if attributes is not None else attributes_in(tags) or {},
        outputs=outputs if ready else {},
        token=tags.get(TOKEN),
        lineage=tags.get(LINEAGE),
        made_at_s=made_at_s,
    )


def filters(by: By, id_name: str) -> list[dict[str, Any]]:
    """The filter of an EC2 list; ``id_name`` is what that list calls an id."""
    name = id_name if by.key == "id" else f"tag:{by.key}"
    return [{"Name": name, "Values": list(by.values)}]
