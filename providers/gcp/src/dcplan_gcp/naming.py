"""Names, labels and owner notes of what dcplan makes on Google Cloud.

Labels have a narrow alphabet and 63 characters, so they hold hashes to search by; the full text stands beside
them, in an instance's metadata or in the description of what has none.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dcplan.provider.errors import Conflict
from dcplan.resources import Address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dcplan.provider.types import Request
    from dcplan.resources import JsonValue

OWNER = "dcplan-owner"
"""The metadata key of an instance's owner note."""

LINEAGE, ADDRESS, TOKEN = "dcplan-lineage", "dcplan-address", "dcplan-token"
"""Labels: hashes of lineage and address, and the token of the last request."""

PROJECT = "dcplan-project"
"""The label that bills are told apart by: the document's project, as far as a label can hold its name."""

_NOT_IN_LABELS = re.compile(r"[^a-z0-9_-]")

_SLUG = 24
"""Characters of an address's name that stay readable in names; the rest of 63 is for hashes and parts."""

_REQUESTS = uuid.UUID("6f0a3a2e-6b0c-5a53-9d5e-0d4c3c6f9a11")
"""Namespace of our request ids."""


def tag(text: str) -> str:
    """Ten hexadecimal digits that stand for a text, in labels and names."""
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def name_of(lineage: str, address: Address) -> str:
    """The name of an address's object: always the same, another one for each lineage.

    55 characters at most, so that eight are left for the parts of a composite.
    """
    slug = re.sub(r"[^a-z0-9]+", "-", address.name.lower()).strip("-")[:_SLUG].strip("-")
    return f"dcplan-{tag(lineage)}-{slug or 'x'}-{tag(str(address))}"


def prefix_of(lineage_tag: str) -> str:
    """A filter of lists: everything whose name is of this lineage."""
    return f'name eq "dcplan-{lineage_tag}-.*"'


def tag_in(object_id: str) -> str | None:
    """The lineage's tag in an object's id; None for what dcplan did not name."""
    found = re.search(r"/dcplan-([0-9a-f]{10})-", object_id)
    return found[1] if found else None


def request_id(token: str, part: str = "") -> str:
    """The ``requestId`` of a call: a UUID, as Google wants it."""
    return str(uuid.uuid5(_REQUESTS, f"{token} {part}"))


def labels_of(request: Request) -> dict[str, str]:
    """The labels of an object of this request."""
    project = request.attributes.get("project")
    return {
        LINEAGE: tag(request.lineage),
        ADDRESS: tag(str(request.address)),
        TOKEN: _as_label(request.token),
        **({PROJECT: _as_label(project)} if isinstance(project, str) else {}),
    }


def _as_label(text: str) -> str:
    """A text in the narrow alphabet of labels."""
    return _NOT_IN_LABELS.sub("-", text.lower())[:63]


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Who owns an object and what was asked for."""

    lineage: str
    address: Address
    token: str
    attributes: Mapping[str, JsonValue]
    more: Mapping[str, JsonValue]
    """What else was noted."""

    @classmethod
    def of(cls, request: Request, **more: JsonValue) -> Note:
        """The note of a request."""
        return cls(
            lineage=request.lineage,
            address=request.address,
            token=request.token,
            attributes=request.attributes,
            more=more,
        )

    @property
    def text(self) -> str:
        """As it is kept."""
        told = {
            "dcplan": 1,
            "lineage": self.lineage,
            "address": str(self.address),
            "token": self.token,
            "attributes": self.attributes,
            **self.more,
        }
        return json.dumps(told, sort_keys=True, separators=(",", ":"))

    @classmethod
    def read(cls, text: str | None) -> Note | None:
        """The note in a text; None where there is none of ours."""
        try:
            told: dict[str, Any] = json.loads(text or "")
            known = {"dcplan", "lineage", "address", "token", "attributes"}
            return cls(
                lineage=str(told["lineage"]),
                address=Address.parse(told["address"]),
                token=str(told["token"]),
                attributes=dict(told["attributes"]),
                more={key: value for key, value in told.items() if key not in known},
            )
        except (ValueError, KeyError, TypeError):
            return None

    def handed_to(self, request: Request) -> Note:
        """The same with the owner and the name of a request; an empty lineage is nobody's."""
        return replace(self, lineage=request.lineage, address=request.address)

    def must_be(self, request: Request) -> None:
        """Raise ``Conflict`` unless this very request made it."""
        if (self.lineage, self.token, self.address) != (request.lineage, request.token, request.address):
            msg = f"There is an object named {name_of(request.lineage, request.address)} already."
            raise Conflict(msg)


def metadata_of(instance: Mapping[str, Any]) -> dict[str, str]:
    """An instance's metadata, by key."""
    items = instance.get("metadata", {}).get("items", [])
    return {item["key"]: item.get("value", "") for item in items}


EVERYTHING = 'name eq "dcplan-.*"'
"""A filter of lists: all that dcplan made, whoever has it now."""
