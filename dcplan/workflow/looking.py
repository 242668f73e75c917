"""Ask several providers at the same time: each answers as slowly as its cloud does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from dcplan.diag import Diagnostic, Diagnostics, error, plural
from dcplan.provider.errors import ProviderError

if TYPE_CHECKING:
    from dcplan.provider.protocol import Provider

T = TypeVar("T")


def ask_all(
    providers: Mapping[str, Provider], look: Callable[[str, Provider], T]
) -> tuple[dict[str, T], Diagnostics]:
    """What ``look`` gives for each provider, by name, and an error for each that could not be asked.

    An error names its provider.  Anything else that ``look`` raises is raised.
    """
    found: dict[str, T] = {}
    said: list[Diagnostic] = []
    with ThreadPoolExecutor(max(len(providers), 1), thread_name_prefix="dcplan-look") as pool:
        asked = {name: pool.submit(look, name, provider) for name, provider in providers.items()}
    for name, answer in asked.items():
        try:
            found[name] = answer.result()
        except ProviderError as problem:
            said.append(error(problem.code, problem.summary, problem.detail, address=name))
    return found, tuple(said)


def not_in_document(name: str, count: int) -> Diagnostic:
    """The state holds ``count`` resources of a provider that nobody can ask."""
    detail = (
        f"The state holds {plural(count, 'resource')} of provider {name}, which the document no longer "
        f"names. Put it back under `providers` until {'it is' if count == 1 else 'they are'} destroyed."
    )
    return error("provider-missing", "A provider of the state is not in the document", detail, address=name)
