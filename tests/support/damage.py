"""Ways in which a file comes to harm, and what dcplan says of it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from click.testing import CliRunner

from cloud_project import FARAWAY, Cloud, FarProject
from dcplan.apply.crash import VARIABLE
from dcplan.cli.main import cli

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from fork_server import ForkServer

REFUSED, SAME, OTHER = "refused", "as before", "other content"


def flipped(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """Up to four bits are not what they were."""
    harmed = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        harmed[chance.randrange(len(harmed))] ^= 1 << chance.randrange(8)
    return bytes(harmed)


def cut(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """The end is missing, or everything."""
    return data[: chance.choice((0, chance.randrange(len(data)), len(data) // 4096 * 2048))]


def zeroed(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """A stretch is zeros, as after a power cut."""
    start = chance.randrange(len(data))
    length = min(chance.choice((1, 16, 512, 4096, len(data))), len(data) - start)
    return data[:start] + bytes(length) + data[start + length :]


def torn(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """A stretch is missing, doubled or random."""
    start = chance.randrange(len(data))
    end = min(len(data), start + chance.choice((1, 8, 256, 4096)))
    middle = chance.choice((b"", data[start:end] * 2, chance.randbytes(end - start)))
    return data[:start] + middle + data[end:]


def swapped(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """It is another of dcplan's files, or two files one after the other."""
    other = chance.choice(others)
    return chance.choice((other, data + other, other[: len(data)]))


def edited(data: bytes, chance: random.Random, others: Sequence[bytes]) -> bytes:
    """JSON in which one value is missing or of another type; other files are flipped."""
    try:
        value = json.loads(data)
    except ValueError:
        return flipped(data, chance, others)
    spots: list[tuple[Any, Any]] = []
    _collect(value, spots)
    if not spots:
        return b"[]"
    owner, key = chance.choice(spots)
    if isinstance(owner, dict) and chance.random() < 0.5:
        del owner[key]
    else:
        owner[key] = chance.choice((None, True, -1, 1e308, "", [], {}, "x" * 1000, [[]]))
    return json.dumps(value).encode()


def _collect(value: Any, spots: list[tuple[Any, Any]]) -> None:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in list(items):
        spots.append((value, key))
        if isinstance(item, dict | list):
            _collect(item, spots)


HARMS: tuple[Callable[[bytes, random.Random, Sequence[bytes]], bytes], ...] = (
    flipped,
    cut,
    zeroed,
    torn,
    swapped,
    edited,
)


READ_BY = {
    "p": (("show", "p", "-json"),),
    ".dcplan/state.sqlite": (("state", "pull"), ("show", "-json")),
    ".dcplan/state.sqlite-wal": (("state", "pull"), ("show", "-json")),
    ".dcplan/state.sqlite.lock": (("state", "pull"),),
    "dcplan.lock": (("providers", "-json"),),
}
"""Files, and the commands that read them and give all they hold."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A project's files when they are whole, and what the commands say then."""

    folder: Path
    files: dict[str, bytes]
    """By path from the folder."""
    answers: dict[tuple[str, ...], str]

    @classmethod
    def of(cls, folder: Path, files: Sequence[str], commands: Sequence[tuple[str, ...]]) -> Sound:
        """As they are now; every command must succeed on them."""
        sound = cls(folder, {name: (folder / name).read_bytes() for name in files}, {})
        for command in commands:
            code, said, problem = run(folder, command)
            sound.restore()
            if code != 0:
                msg = f"{command} exits {code} on whole files: {problem!r} {said}"
                raise RuntimeError(msg)
            sound.answers[command] = said
        return sound

    @classmethod
    def killed(cls, forks: ForkServer, folder: Path) -> Sound:
        """A saved plan, and a state whose last apply was killed: calls are open, the log is not folded in."""
        with Cloud() as cloud:
            project = FarProject.written(folder, cloud)
            project.forked(forks, "init")
            project.forked(forks, "apply", "-auto-approve")
            project.forked(forks, "plan", "-out", "p", "-var", "chat=90/s")
            forks.ask(
                {"folder": str(folder), "arguments": ("apply", "p")},
                environment={VARIABLE: "after-ack:12"},
            )
        commands = {command for commands in READ_BY.values() for command in commands}
        return cls.of(folder, list(READ_BY), sorted(commands))

    def harmed(self, name: str, chance: random.Random, command: tuple[str, ...]) -> tuple[str, str]:
        """Harm one file, run a command, put the files back: how it took it, or what is wrong with that."""
        data = self.files[name]
        others = [d for n, d in self.files.items() if n != name]
        harm = chance.choice(HARMS)
        harmed = harm(data, chance, others)
        (self.folder / name).write_bytes(harmed)
        try:
            code, said, problem = run(self.folder, command)
        finally:
            self.restore()
        told = f"{harm.__name__} {name}, {' '.join(command)}"
        if problem is not None or "Traceback" in said or "bug in dcplan" in said:
            return "", f"{told}: {problem!r} {said[-500:]}"
        if code == 0:
            if len(_rows(said)) < len(_rows(self.answers[command])):
                return "", f"{told}: resources are missing, and nothing says so"
            return (SAME if said == self.answers[command] else OTHER), ""
        if "error" not in said:
            return "", f"{told}: exit {code} without a diagnostic: {said[-500:]}"
        if "There is no state" in said:
            return "", f"{told}: taken for nothing there"
        return REFUSED, ""

    def restore(self) -> None:
        """Put the files back as they were, and take away what came beside them."""
        for folder in {(self.folder / name).parent for name in self.files}:
            for path in folder.iterdir():
                if path.is_file() and str(path.relative_to(self.folder)) not in self.files:
                    path.unlink()  # SQLite leaves files of its own beside one that it could not read.
        for name, data in self.files.items():
            path = self.folder / name
            if not path.exists() or path.read_bytes() != data:
                path.write_bytes(data)


def run(folder: Path, command: Sequence[str]) -> tuple[int, str, BaseException | None]:
    """``dcplan COMMAND`` in the folder, in this process: exit status, what it said, what got out."""
    before = Path.cwd()
    os.chdir(folder)
    sys.path.append(str(FARAWAY))
    try:
        done = CliRunner().invoke(cli, list(command), prog_name="dcplan")
    finally:
        sys.path.remove(str(FARAWAY))
        os.chdir(before)
    problem = None if isinstance(done.exception, SystemExit) else done.exception
    return done.exit_code, done.output, problem


def _rows(said: str) -> list[Any]:
    """The resources that a JSON answer lists."""
    try:
        value = json.loads(said)
    except ValueError:
        return []
    return list(value.get("resources") or value.get("changes") or []) if isinstance(value, dict) else []
