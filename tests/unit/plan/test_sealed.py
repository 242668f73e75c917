"""Sealed files: opened by their key, and by nothing else."""

from __future__ import annotations

import json
import random

import pytest

from dcplan.plan import sealed as module
from dcplan.plan.key_services import FreshKey
from dcplan.plan.sealed import ROUNDS, Sealer, Unsealable, is_sealed

NEW, OLD = "a passphrase that is long", "the passphrase of before"
CONTENT = b"what nobody else may read" * 10
FEW = 1000
"""Rounds; a key by the right number takes half a second."""


@pytest.fixture(autouse=True)
def few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of few rounds are taken."""
    monkeypatch.setattr(module, "ROUNDS", FEW)


@pytest.fixture
def sealer() -> Sealer:
    """Seals with few rounds."""
    return Sealer(passphrase=NEW, rounds=FEW)


@pytest.fixture
def sealed(sealer: Sealer) -> bytes:
    """A sealed file."""
    return sealer.seal(CONTENT, b"plan")


def test_a_sealed_file_is_opened_by_its_passphrase_alone(sealer: Sealer, sealed: bytes) -> None:
    """The content comes back, stands nowhere in the file, and another passphrase does not open it."""
    assert sealer.open(sealed, b"plan") == CONTENT
    assert is_sealed(sealed)
    assert CONTENT[:12] not in sealed
    assert NEW.encode() not in sealed
    with pytest.raises(Unsealable, match="The passphrase does not open it"):
        Sealer(passphrase=OLD).open(sealed, b"plan")


def test_each_file_has_a_key_of_its_own(sealer: Sealer, sealed: bytes) -> None:
    """The same content sealed again shares nothing but the salt and the rounds."""
    one, other = (json.loads(s.partition(b"\n")[0]) for s in (sealed, sealer.seal(CONTENT, b"plan")))

    assert Sealer(passphrase=NEW).rounds == ROUNDS >= 600_000
    assert {name for name in one if one[name] == other[name]} == {"dcplan", "version", "rounds", "salt"}


def test_a_file_does_not_open_in_anothers_place(sealer: Sealer, sealed: bytes) -> None:
    """What a file is, is part of what is proven: a plan is no backup."""
    with pytest.raises(Unsealable):
        sealer.open(sealed, b"backup")


def test_the_passphrase_of_before_opens_and_never_seals(sealed: bytes) -> None:
    """Rollover: what the old one sealed is read, and what is written opens with the new one alone."""
    both = Sealer(passphrase=OLD, old_passphrase=NEW, rounds=FEW)
    again = both.seal(both.open(sealed, b"plan"), b"plan")

    assert Sealer(passphrase=OLD).open(again, b"plan") == CONTENT
    with pytest.raises(Unsealable, match="Neither passphrase opens it"):
        Sealer(passphrase="x" * 16, old_passphrase="y" * 16).open(sealed, b"plan")


def test_no_altered_file_is_opened(sealer: Sealer, sealed: bytes) -> None:
    """Any bit flipped, any length cut off or added: refused with a sentence, never opened."""
    draw = random.Random(0)  # noqa: S311 - which bits, not a secret
    head = sealed.index(b"\n")
    places = [*draw.sample(range(head + 1, len(sealed)), 60), *draw.sample(range(head), 25)]
    for place in places:
        altered = bytearray(sealed)
        altered[place] ^= 1 << draw.randrange(8)
        with pytest.raises(Unsealable):
            sealer.open(bytes(altered), b"plan")
    for length in (*draw.sample(range(len(sealed)), 40), 0, head, head + 1, len(sealed) - 1):
        with pytest.raises(Unsealable):
            sealer.open(sealed[:length], b"plan")
    with pytest.raises(Unsealable):
        sealer.open(sealed + b"x", b"plan")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("version", 2),
        ("version", 1.0),
        ("rounds", 999),
        ("rounds", 10**9),
        ("rounds", float("inf")),
        ("rounds", "1000"),
        ("salt", "?"),
        ("salt", ""),
        ("key", 5),
        ("nonce", "AAAA"),
    ],
)
def test_figures_that_no_dcplan_writes_are_refused_at_once(
    sealer: Sealer, sealed: bytes, name: str, value: object
) -> None:
    """Another version, rounds that are too few or would take hours, and fields that are none."""
    head, _, body = sealed.partition(b"\n")
    line = json.dumps({**json.loads(head), name: value}, separators=(",", ":")).encode()
    with pytest.raises(Unsealable):
        sealer.open(line + b"\n" + body, b"plan")


@pytest.mark.parametrize(
    "line",
    [
        b'{"dcplan":"sealed","version":' + b"[" * 7000,
        b'{"dcplan":"sealed","version":"\\u001b[2J"}',
        b'{"dcplan":"sealed","version":' + b"9" * 5000 + b"}",
    ],
)
def test_a_first_line_that_is_made_to_harm_does_none(sealer: Sealer, line: bytes) -> None:
    """It is refused with a sentence that shows nothing of it."""
    with pytest.raises(Unsealable) as refused:
        sealer.open(line + b"\nx", b"plan")

    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 100


def test_a_passphrase_of_any_bytes_is_a_key() -> None:
    """An environment may hold bytes that are no text, which Python gives as lone surrogates."""
    strange = b"sixteen bytes \xff\xfe".decode(errors="surrogateescape")
    sealed = Sealer(passphrase=strange, rounds=FEW).seal(CONTENT, b"plan")

    assert Sealer(passphrase=strange, rounds=FEW).open(sealed, b"plan") == CONTENT


def test_only_files_of_its_own_key_say_which_salt_is_used() -> None:
    """Whoever knows the passphrase of before cannot choose the salt of the new one."""
    old = Sealer(passphrase=OLD, rounds=FEW).seal(CONTENT, b"plan")
    both = Sealer(passphrase=NEW, old_passphrase=OLD, rounds=FEW)
    both.open(old, b"plan")
    salts = [json.loads(s.partition(b"\n")[0])["salt"] for s in (old, both.seal(CONTENT, b"plan"))]

    assert salts[0] != salts[1]


def test_no_two_seals_share_a_nonce(sealer: Sealer) -> None:
    """Each has a key, and a nonce, that no other has; nothing of the key is shown by a sealer."""
    heads = [json.loads(sealer.seal(CONTENT, b"plan").partition(b"\n")[0]) for _ in range(200)]

    for name in ("nonce", "key", "key_nonce"):
        assert len({head[name] for head in heads}) == len(heads)
    assert NEW not in repr(sealer)


class ShortKeys:
    """A service whose keys are too short for AES-256."""

    kind, key_id = "aws_kms", "a-key"

    def fresh(self) -> FreshKey:
        """Sixteen bytes are a key for AES-128."""
        return FreshKey(key=b"k" * 16, wrapped=b"w")

    def unwrap(self, wrapped: bytes) -> bytes:
        """The same."""
        return b"k" * 16


def test_a_weaker_key_of_a_service_is_refused() -> None:
    """Nothing is sealed with less than was promised."""
    with pytest.raises(Unsealable, match="not of 32 bytes"):
        Sealer(service=ShortKeys()).seal(CONTENT, b"plan")
