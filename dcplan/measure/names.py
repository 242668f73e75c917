"""From what a driver calls a device to what the catalogue calls it, and its datasheet's peaks.

The catalogue is asked only when it can be: ``python -m dcplan.measure`` also
runs where nothing but numpy and PyTorch is installed, and then peaks are
unknown.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from dcplan.catalog import Accelerator

VENDORS = re.compile(r"\b(NVIDIA|AMD|Intel|Instinct|Tesla|GeForce|Radeon|Graphics)\b", re.IGNORECASE)
MARKS = re.compile(r"\((R|TM|C)\)", re.IGNORECASE)
CLOCK = re.compile(r"\s*(CPU)?\s*@\s*[\d.]+\s*[GM]Hz", re.IGNORECASE)
FORM = re.compile(r"SXM\d?|OAM|HBM\d?e?|Blackwell|Server|Edition", re.IGNORECASE)
"""Words after a GPU's name that say nothing which its catalogue entry does not.  PCIe and NVL are no such
words: those cards are slower than the boards that bear the same name."""
SIZE = re.compile(r"\d+GB", re.IGNORECASE)


def accelerator_name(device_name: str, kind: str) -> str:
    """The catalogue's name of a device, else its own without vendor and marks.

    ``kind`` is as in ``Device``; a processor is never in the catalogue.
    """
    if kind == "cpu":
        return cleaned_processor(device_name)
    canonical = _canonical()
    spellings = spellings_of(device_name)
    for spelling in spellings:
        found = canonical(spelling)
        if found is not None:
            return found
    # The middle one: A100-80GB is what people write, and tells it from the A100 of 40 GB.
    return spellings[1]


def spellings_of(device_name: str) -> tuple[str, str, str]:
    """A GPU's name as a catalogue might have it: whole, without form factor, without memory size as well."""
    words = re.findall(r"[\w.]+", VENDORS.sub(" ", MARKS.sub(" ", device_name)))
    named = [w for w in words if not FORM.fullmatch(w)]
    bare = [w for w in named if not SIZE.fullmatch(w)]
    whole, shorter, shortest = ("-".join(w) or device_name.strip() for w in (words, named, bare))
    return whole, shorter, shortest


def cleaned_processor(name: str) -> str:
    """A processor's model name without trade marks and clock rate: ``Intel Xeon Platinum 8481C``."""
    return " ".join(CLOCK.sub(" ", MARKS.sub(" ", name)).replace(",", " ").split()) or "CPU"


def datasheet(accelerator: str) -> Accelerator | None:
    """The catalogue's facts of an accelerator; None where it, or the catalogue, is not there."""
    try:
        from dcplan.catalog import load_accelerators  # noqa: PLC0415 - see the module's docstring

        return load_accelerators().get(accelerator)
    except ModuleNotFoundError as missing:
        _only_a_dependency(missing)
        return None


def _canonical() -> Callable[[str], str | None]:
    """The catalogue's ``canonical_accelerator``, or one that knows nobody where there is no catalogue."""
    try:
        from dcplan.catalog import canonical_accelerator  # noqa: PLC0415 - see the module's docstring

        canonical_accelerator("")  # reads the data, and so finds out whether YAML is there
    except ModuleNotFoundError as missing:
        _only_a_dependency(missing)
        return lambda _: None
    return canonical_accelerator


def _only_a_dependency(missing: ModuleNotFoundError) -> None:
    """Pass over what was not installed; a missing module of dcplan is our own bug."""
    if missing.name is None or missing.name.split(".")[0] == "dcplan":
        raise missing
