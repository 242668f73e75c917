"""Files -> Document: the one door through which a user's document comes in."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from dcplan.config.check import Names, check
from dcplan.config.document import Document
from dcplan.config.errors import diagnose
from dcplan.config.files import Gathered, gather, shown
from dcplan.config.huggingface import read_architecture
from dcplan.config.portable import portable
from dcplan.config.reader import read_file
from dcplan.config.source_map import SourceMap
from dcplan.config.variables import Outside, resolve
from dcplan.diag import ConfigPath, Diagnostic, Diagnostics, Result, has_errors
from dcplan.diag.hidden import forget_hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

_SPLIT = ("workloads", "models", "variables", "providers")
"""Keys whose entries stand by themselves: one bad entry leaves the others checkable."""


@dataclass(frozen=True)
class Loaded:
    """A document without errors, and all that later rooms ask about its files."""

    document: Document
    source: SourceMap
    """Its ``place()`` turns config paths into places in the files."""
    files: tuple[Path, ...]
    digest: str
    """SHA-256 of the content as it counts: variables replaced, files of models read in."""
    root: Path
    """The folder from which relative paths in the document start."""
    portable_settings: Mapping[str, Mapping[str, object]]
    """Of the providers, with ``${env.NAME}`` in place of what came from there: these may stand in a file."""


def load_document(  # noqa: PLR0913 - all that can shape a document from outside
    paths: Sequence[Path],
    *,
    variables: Mapping[str, str] | None = None,
    var_files: Sequence[Path] = (),
    env: Mapping[str, str] | None = None,
    workspace: str = "default",
    later: Mapping[str, int] | None = None,
    known_models: Collection[str] | None = None,
    also: Callable[[Document, Path], Diagnostics] | None = None,
) -> Result[Loaded]:
    """Read, merge, resolve and check a document; every problem at once, each with its place.

    ``paths`` are YAML files or folders of them.  ``variables`` come from
    ``--var``, ``var_files`` from ``--var-file``; ``env`` is the environment.
    ``later`` says of a name in ``variables`` how many of the files were given before it (default: all).
    ``workspace`` is what ``${workspace}`` stands for.
    ``known_models`` are the catalogue's, when it is at hand.  ``also`` is asked
    about the sound entries of a document with errors, and the folder it stands
    in, so that later rooms can complain in the same breath.
    """
    forget_hidden()
    gathered = gather(paths)
    outside_files = [read_file(path, shown(path)) for path in var_files]
    said: Diagnostics = (*gathered.diagnostics, *(d for f in outside_files for d in f.diagnostics))
    if gathered.value is None or any(f.value is None for f in outside_files):
        return Result(None, in_order(said))
    outside = Outside(variables or {}, [f.unwrap() for f in outside_files], env or {}, workspace, later or {})
    return _load(gathered.value, outside, known_models, said, also or (lambda *_: ()))


def _load(
    gathered: Gathered,
    outside: Outside,
    known_models: Collection[str] | None,
    said: Diagnostics,
    also: Callable[[Document, Path], Diagnostics],
) -> Result[Loaded]:
    """From merged data to a document."""
    content = gathered.content
    root = gathered.files[0].parent
    resolved = resolve(content.data, outside)
    source = SourceMap(content.source.values, content.source.keys, resolved.secrets)
    names = _names(resolved.data, known_models)
    bad = content.bad | resolved.bad
    document, structural = _validated(resolved.data, bad)
    said = (*said, *resolved.diagnostics, *structural)
    if document is None or bad:
        sound = _sound_part(resolved.data, bad, structural)
        document, rules = None, () if sound is None else _rules_of_the_sound(sound, names, root, also)
    else:
        rules = check(document, names)
        document, unread = _with_architectures(document, root)
        rules = (*rules, *unread)
    placed = in_order(source.place((*said, *rules)))
    if document is None or has_errors(placed):
        return Result(None, placed)
    settings = portable(document.providers, resolved.templates)
    kept = {path: text for path, text in resolved.templates.items() if "${var." in text}
    digest = _digest(document, kept)
    return Result(Loaded(document, source, gathered.files, digest, root, settings), placed)


def _rules_of_the_sound(
    sound: Document, names: Names, root: Path, also: Callable[[Document, Path], Diagnostics]
) -> Diagnostics:
    """What the rules and the later rooms say of the sound part of a document with errors.

    Later rooms rely on the rules, and on every model having one description, so entries that
    break a rule or lack it stay behind here, and with them the workloads that name them.
    """
    rules = check(sound, names)
    described, unread = _with_architectures(sound, root)
    broken = {d.path[:2] for d in rules if d.path and has_errors((d,))}
    models = {
        n: m
        for n, m in described.models.items()
        if (m.catalog is not None or m.architecture is not None) and ("models", n) not in broken
    }
    lost = described.models.keys() - models.keys()
    workloads = {
        name: w
        for name, w in described.workloads.items()
        if ("workloads", name) not in broken and lost.isdisjoint(model for _, model in w.named_models())
    }
    told = also(described.model_copy(update={"models": models, "workloads": workloads}), root)
    return (*rules, *unread, *told)


def _validated(data: Mapping[str, Any], bad: Collection[ConfigPath]) -> tuple[Document | None, Diagnostics]:
    """The document, or what pydantic says against it in our words."""
    try:
        return Document.model_validate(data), ()
    except ValidationError as problem:
        return None, diagnose(problem.errors(include_url=False), Document, known_bad=bad)


def _names(data: Mapping[str, Any], known_models: Collection[str] | None) -> Names:
    """The names that stand in the data, whatever else is wrong there."""

    def under(key: str) -> frozenset[str]:
        entries = data.get(key)
        return frozenset(entries) if isinstance(entries, dict) else frozenset()

    catalog = None if known_models is None else frozenset(known_models)
    return Names(under("workloads"), under("models"), under("providers"), catalog)


def _sound_part(data: Mapping[str, Any], bad: Iterable[ConfigPath], errors: Diagnostics) -> Document | None:
    """The document without the entries that have errors, so that the rest can be checked too.

    An unknown key costs only itself; any other error costs the whole
    workload or model, lest a rule miss what merely could not be read.
    """
    sound: dict[str, Any] = copy.deepcopy(dict(data))
    sound.setdefault("project", "x")
    for d in errors:
        if d.path and d.code == "unknown-key":
            _remove(sound, d.path)
    others = (d.path for d in errors if d.path is not None and d.code != "unknown-key")
    for path in (*bad, *others):
        if not path or not isinstance(sound.get("workloads"), dict):
            return None
        if path[0] == "project":
            sound["project"] = "x"
        else:
            _remove(sound, path[:2] if path[0] in _SPLIT else path[:1])
    try:
        return Document.model_validate(sound)
    except ValidationError:
        return None


def _remove(data: Any, path: ConfigPath) -> None:
    """Take the key at ``path`` out of nested mappings, if it is there."""
    for step in path[:-1]:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return
    if isinstance(data, dict):
        data.pop(path[-1], None)


def _with_architectures(document: Document, root: Path) -> tuple[Document, Diagnostics]:
    """The document with every ``huggingface`` file read into ``architecture``."""
    said: list[Diagnostic] = []
    models = dict(document.models)
    for name, model in document.models.items():
        if model.huggingface is None or model.architecture is not None:
            continue
        file = root / model.huggingface
        read = read_architecture(file, shown(file), ("models", name, "huggingface"))
        said += read.diagnostics
        models[name] = model.model_copy(update={"architecture": read.value})
    return document.model_copy(update={"models": models}), tuple(said)


def _digest(document: Document, hidden: Mapping[ConfigPath, str]) -> str:
    """SHA-256 of the canonical JSON of everything but the variables, whose values are in it.

    Where the state is kept says nothing of what is wanted, and is left out as well.  ``hidden`` are the
    values of hidden variables, as references: no file tells anything of them, not even a digest.
    """
    content = document.model_dump(mode="json", exclude={"variables", "backend"})
    if hidden:
        content["providers"] = portable(document.providers, hidden)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def in_order(diagnostics: Iterable[Diagnostic]) -> Diagnostics:
    """As a reader goes through the files: by file, line and column; what has no place comes first."""

    def position(d: Diagnostic) -> tuple[str, int, int]:
        return (d.range.file, d.range.line, d.range.column) if d.range else ("", 0, 0)

    return tuple(sorted(diagnostics, key=position))
