"""Buckets of Cloud Storage: private, and deleted only when there is nothing in them.

The name is made from the owner, the resource's name and the token, so that a second insert finds what the
first one made.  The owner's note stands in labels, which take few characters: base32, in pieces.  Google
encrypts all objects by itself (Cloud Storage documentation, "Default Google-managed encryption").
"""

from __future__ import annotations

import base64
import re
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dcplan.provider import errors
from dcplan.provider.storage import ON_DELETE, WITH_DATA, not_empty
from dcplan.provider.types import Ack, Found
from dcplan_gcp.answers import SWITCHED_OFF
from dcplan_gcp.naming import Note, labels_of, tag
from dcplan_gcp.rest import last, pause

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dcplan.provider.types import Request
    from dcplan.resources import JsonValue
    from dcplan_gcp.rest import Rest

NOTE = "dcplan-note-"
"""Labels with the pieces of the owner's note; they come in order."""
_PIECE = 56
"""Characters of a piece: 35 whole bytes in base32; a label takes 63."""
_SLUG = 24
AT_ONCE = 16
"""Objects that are deleted at the same time."""
PAGE = 500
_PRIVATE = {"uniformBucketLevelAccess": {"enabled": True}, "publicAccessPrevention": "enforced"}
_SOON_S = 0.2


def name_begins(lineage: str, name: str) -> str:
    """What a bucket's name begins with, whichever create makes it."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower())[:_SLUG].strip("-")
    return f"dcplan-{tag(lineage)}-{slug or 'x'}-"


def url_of(bucket: str) -> str:
    """As Google's own tools take it."""
    return f"gs://{bucket}"


class Buckets:
    """Makes and finds buckets; ids are ``projects/P/buckets/NAME``."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._deletes: set[str] = set()
        """Tokens of deletes that were sent from here: Cloud Storage knows no request again."""

    def begin_create(self, request: Request) -> Ack:
        """What the token has made is looked for by its name first."""
        region = request.attributes.get("region")
        if not isinstance(region, str):
            raise errors.Invalid(f"{request.address} does not say where it is to be.")
        name = f"{name_begins(request.lineage, request.address.name)}{tag(request.token)}"
        for there in self._listed(f"dcplan-{tag(request.lineage)}-"):
            if there["name"].endswith(f"-{tag(request.token)}"):
                self._must_be(there, request)
                return Ack(object_id=self._id(there["name"]))
        body = {
            "name": name,
            "location": region,
            "iamConfiguration": _PRIVATE,
            "labels": {**labels_of(request), **pieces(Note.of(request))},
        }
        try:
            self._rest.send("POST", "b", body, project=self._rest.project)
        except errors.Conflict:
            taken = self._rest.find(f"b/{name}")
            if taken is None:
                raise
            self._must_be(taken, request)
        return Ack(object_id=self._id(name))

    def begin_update(self, request: Request) -> Ack:
        """Its note, and what keeps it private."""
        there = self._owned(request)
        body = {
            "labels": {**there.get("labels", {}), **labels_of(request), **pieces(Note.of(request))},
            "iamConfiguration": _PRIVATE,
        }
        self._rest.send("PATCH", f"b/{there['name']}", body)
        return Ack(object_id=str(request.object_id))

    def begin_delete(self, request: Request) -> Ack:
        """Refused while there is something in it, unless its data may go, too."""
        if request.token in self._deletes:
            return Ack(object_id=str(request.object_id))
        there = self._owned(request)
        try:
            self._rest.send("DELETE", f"b/{there['name']}")
        except errors.Conflict:
            if request.attributes.get(ON_DELETE) != WITH_DATA:
                raise not_empty(request.address, there["name"]) from None
        self._deletes.add(request.token)
        return Ack(object_id=str(request.object_id))

    def wait(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> dict[str, JsonValue]:  # noqa: ARG002 - as the protocol has it
        """It is there as soon as it is made."""
        there = self._rest.find(f"b/{last(ack.object_id)}")
        if there is None or note_in(there) is None:
            raise errors.AlreadyGone(f"{request.address} ({ack.object_id}) does not exist.")
        return self._outputs(there)

    def wait_delete(self, request: Request, ack: Ack, stop: Callable[[], bool]) -> None:
        """It is gone; where its data may go, they go first, a page of objects at a time."""
        name = last(ack.object_id)
        while self._rest.find(f"b/{name}") is not None:
            if request.attributes.get(ON_DELETE) == WITH_DATA:
                self._empty(name)
                try:
                    self._rest.send("DELETE", f"b/{name}")
                except (errors.Conflict, errors.AlreadyGone):
                    continue
            pause(_SOON_S, stop)

    def set_owner(self, request: Request) -> None:
        """Another owner and name in the note."""
        there = self._rest.find(f"b/{last(str(request.object_id))}")
        note = note_in(there) if there is not None else None
        if there is None or note is None:
            raise errors.AlreadyGone(f"{request.address} ({request.object_id}) does not exist.")
        labels = {**there.get("labels", {}), **labels_of(request), **pieces(note.handed_to(request))}
        self._rest.send("PATCH", f"b/{there['name']}", {"labels": labels})

    def survey(self, wanted: str) -> Iterator[Found]:
        """Buckets whose name a filter of lists shows, as it is told by Compute Engine."""
        for there in self._listed(wanted.partition('"')[2].partition('"')[0].removesuffix(".*")):
            note = note_in(there)
            if note is None:
                continue
            region, private = str(there["location"]).lower(), is_private(there)
            yield Found(
                object_id=self._id(there["name"]),
                address=note.address,
                ready=True,
                attributes={**note.attributes, "region": region, "private": private},
                outputs=self._outputs(there),
                token=note.token,
                lineage=note.lineage or None,
            )

    def _owned(self, request: Request) -> dict[str, Any]:
        """A bucket that is this owner's."""
        path = str(request.object_id)
        there = self._rest.find(f"b/{last(path)}") if path.startswith("projects/") else None
        note = note_in(there) if there is not None else None
        if there is None or note is None:
            raise errors.AlreadyGone(f"{request.address} ({path}) does not exist.")
        if note.lineage != request.lineage:
            raise errors.Denied(f"{path} does not belong to this state.")
        return there

    def _must_be(self, there: Mapping[str, Any], request: Request) -> None:
        note = note_in(there)
        if note is None:
            raise errors.Conflict(f"There is a bucket {there['name']} that dcplan has not made.")
        note.must_be(request)

    def _listed(self, prefix: str) -> Iterator[dict[str, Any]]:
        """All pages of the project's buckets whose names begin so; none where the API is not switched on."""
        query = {"project": self._rest.project, "prefix": prefix, "maxResults": str(PAGE)}
        while True:
            try:
                page = self._rest.ask("b", **query)
            except errors.Denied as refused:
                if any(said in refused.detail for said in SWITCHED_OFF):
                    return
                raise
            if page.get("unreachable"):
                raise errors.NotReady(f"Google Cloud cannot reach {page['unreachable'][0]} now.")
            yield from page.get("items", ())
            if not page.get("nextPageToken"):
                return
            query["pageToken"] = page["nextPageToken"]

    def _empty(self, bucket: str) -> None:
        """Delete what the first page shows, all generations of it."""
        found = self._rest.ask(f"b/{bucket}/o", versions="true", maxResults=str(PAGE)).get("items", ())

        def gone(one: Mapping[str, Any]) -> None:
            path = f"b/{bucket}/o/{quote(one['name'], safe='')}"
            try:
                self._rest.send("DELETE", path, generation=one["generation"])
            except errors.AlreadyGone:
                return

        with ThreadPoolExecutor(AT_ONCE) as pool:
            for future in [pool.submit(gone, one) for one in found]:
                future.result()

    def _id(self, name: str) -> str:
        return f"projects/{self._rest.project}/buckets/{name}"

    def _outputs(self, there: Mapping[str, Any]) -> dict[str, JsonValue]:
        return {"id": self._id(there["name"]), "url": url_of(there["name"])}


def pieces(note: Note) -> dict[str, str]:
    """A note as labels."""
    coded = base64.b32encode(zlib.compress(note.text.encode(), 9)).decode().lower().rstrip("=")
    parts = [coded[i : i + _PIECE] for i in range(0, len(coded), _PIECE)]
    return {f"{NOTE}{i:02d}": part for i, part in enumerate(parts)}


def note_in(there: Mapping[str, Any]) -> Note | None:
    """The note in the labels of a bucket; None where there is none of ours.

    Each piece stands for whole bytes, so that those of a longer, older note come after the end.
    """
    labels = there.get("labels", {})
    parts = [labels[key] for key in sorted(labels) if key.startswith(NOTE)]
    try:
        packed = b"".join(base64.b32decode(part.upper() + "=" * (-len(part) % 8)) for part in parts)
        return Note.read(zlib.decompressobj().decompress(packed).decode())
    except (ValueError, zlib.error):
        return None


def is_private(there: Mapping[str, Any]) -> bool:
    """Whether nobody outside can be let in, by lists of single objects or at all."""
    told = there.get("iamConfiguration", {})
    uniform = told.get("uniformBucketLevelAccess", {}).get("enabled") is True
    return uniform and told.get("publicAccessPrevention") == "enforced"
