"""The backend of a document, read by itself: before anything else, and where the rest need not be whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dcplan.config.backend_secrets import secrets_in
from dcplan.config.backend_spec import KEYS, KINDS
from dcplan.config.files import shown
from dcplan.config.reader import read_file
from dcplan.config.section import section_of
from dcplan.config.source_map import SourceMap
from dcplan.config.variables import Outside, resolve
from dcplan.diag import ConfigPath, Diagnostic, Diagnostics, Result, did_you_mean, error, listed

if TYPE_CHECKING:
    from pathlib import Path

    from dcplan.config.check import Names
    from dcplan.config.document import Document

KEY = "backend"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a document says of the backend."""

    kind: str
    settings: Mapping[str, str] = field(default_factory=dict)
    """As they may stand in a file: a reference in place of what came from the environment or is hidden."""
    unknown: frozenset[str] = frozenset()
    """Settings whose variables have no value here."""
    source: SourceMap | None = None
    """Places diagnostics of the backend in the document."""

    def place(self, diagnostics: Diagnostics) -> Diagnostics:
        """The same with their places in the files."""
        return diagnostics if self.source is None else self.source.place(diagnostics)


def outside_of(
    variables: Mapping[str, str],
    var_files: Sequence[Path],
    env: Mapping[str, str],
    later: Mapping[str, int] | None = None,
) -> Outside:
    """What sets variables, as ``load_document`` reads it; files that cannot be read are left to it."""
    files = [read.value for file in var_files if (read := read_file(file, shown(file))).value is not None]
    return Outside(variables, files, env, later=later or {})


def declared_backend(paths: Sequence[Path], outside: Callable[[], Outside]) -> Result[Declared | None]:
    """The backend that the documents name; None, without a diagnostic, when they name none.

    Documents without the word are not even parsed, and ``outside`` is not asked.
    """
    found = section_of(paths, KEY)
    if found.value is None:
        return Result(None, found.diagnostics)
    source = found.value.source
    wrong = tuple(_shape(found.value.data[KEY]))
    if wrong:
        return Result(None, source.place(wrong))
    resolved = resolve(found.value.data, outside())
    ((kind, section),) = [(k, v) for k, v in resolved.data[KEY].items() if v is not None]
    told = source.place(secrets_in(kind, section))
    if told:
        return Result(None, told)
    settings: dict[str, str] = {}
    unknown: set[str] = set()
    for key, value in section.items():
        path: ConfigPath = (KEY, kind, key)
        if path in resolved.bad:
            unknown.add(key)
        elif value is not None:
            # A plain ``${`` would be read as a reference when it is filled in again.
            settings[key] = resolved.templates.get(path, str(value).replace("${", "$${"))
    return Result(Declared(kind=kind, settings=settings, unknown=frozenset(unknown), source=source))


def backend_is_one(document: Document, _names: Names) -> Iterator[Diagnostic]:
    """``backend`` names exactly one place, which no workspace changes."""
    if KEY in document.model_fields_set:
        yield from _one_of(tuple(document.backend.named()) if document.backend is not None else ())


def _shape(section: Any) -> Iterator[Diagnostic]:
    """What keeps a raw ``backend`` from being read; the document's own check finds it, too."""
    if not isinstance(section, dict):
        yield error("backend-one", "The backend is not named", _WRITE, path=(KEY,))
        return
    named = tuple(kind for kind, value in section.items() if value is not None)
    yield from _one_of(named)
    for kind in named:
        if kind not in KINDS:
            hint = did_you_mean(str(kind), KINDS) or f"There are {listed(list(KINDS))}."
            detail = f'There is no backend "{kind}". {hint}'
            yield error("unknown-key", "A key is not known", detail, path=(KEY, kind), on_key=True)
        elif not isinstance(section[kind], dict):
            yield error("backend-one", "The backend is not named", _WRITE, path=(KEY, kind))
        else:
            yield from _settings_shape(kind, section[kind])


def _settings_shape(kind: str, settings: Mapping[Any, Any]) -> Iterator[Diagnostic]:
    for key, value in settings.items():
        path: ConfigPath = (KEY, kind, key)
        if key not in KEYS[kind]:
            hint = did_you_mean(str(key), KEYS[kind]) or f"There are {listed(list(KEYS[kind]))}."
            detail = f'The backend {kind} has no setting "{key}". {hint}'
            yield error("unknown-key", "A key is not known", detail, path=path, on_key=True)
        elif isinstance(value, str) and "${workspace}" in value.replace(" ", ""):
            detail = (
                "Each workspace has a state of its own in the backend anyway. Leave ${workspace} out here."
            )
            yield error("backend-workspace", "A backend cannot depend on the workspace", detail, path=path)
        elif value is not None and not isinstance(value, str):
            yield error("wrong-type", "A value has the wrong type", "This is a text.", path=path)


def _one_of(named: tuple[Any, ...]) -> Iterator[Diagnostic]:
    if len(named) != 1:
        said = "names nothing" if not named else f"names {listed([str(n) for n in named])}"
        yield error(
            "backend-one",
            "The backend is not named",
            f"It {said}; a state has one place. {_WRITE}",
            path=(KEY,),
        )


_WRITE = (
    "Write one of local, s3, gcs and postgres with its settings, for example "
    "backend: {s3: {bucket: my-state, prefix: chat}}."
)
