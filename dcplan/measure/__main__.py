"""``python -m dcplan.measure``: the same measurement where dcplan itself is not installed.

A GPU machine often has PyTorch and nothing else, and no network.  With the
folder ``dcplan`` copied there this needs Python 3.11, numpy and, for a GPU,
PyTorch; peaks and the catalogue's names are then unknown.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from dcplan import __version__
from dcplan.diag import Diagnostics
from dcplan.measure import (
    BACKENDS,
    DEVICES,
    QUICK,
    Settings,
    check_target,
    measure,
    open_backend,
    save,
    to_csv,
)
from dcplan.measure.rows import to_data
from dcplan.measure.summary import kept, to_text
from dcplan.measure.summary import to_data as summary_data


def main(arguments: list[str] | None = None) -> int:
    """Measure, write the rows, tell the summary; the exit code."""
    asked = _asked(arguments)
    found = check_target(asked.out, force=asked.force)
    if found:
        return _refused(found)
    opened = open_backend(asked.backend, asked.device)
    if opened.value is None:
        return _refused(opened.diagnostics)
    usual = QUICK if asked.quick else Settings()
    result = measure(
        opened.value,
        Settings(total_s=asked.seconds or usual.total_s, case_s=usual.case_s, ranks=asked.ranks),
        # This file is a door, as the CLI is: here the clock may be asked.
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        source=f"dcplan measure {__version__}",
        progress=_progress,
    )
    _progress("")
    if result.value is None:
        return _refused(result.diagnostics)
    unsaved = save(to_csv(result.value), asked.out)
    _refused((*result.diagnostics, *unsaved))
    if asked.as_json:
        data = {**summary_data(result.value), "rows": to_data(result.value)}
        sys.stdout.write(json.dumps(data, indent=2) + "\n")
    else:
        sys.stdout.write(f"{to_text(result.value)}\n\nWrote {kept(result.value)} rows to {asked.out}.\n")
    return 1 if unsaved else 0


def _asked(arguments: list[str] | None) -> argparse.Namespace:
    """The options, as ``dcplan measure`` has them."""
    parser = argparse.ArgumentParser(prog="python -m dcplan.measure", description=__doc__)
    parser.add_argument("-o", "-out", "--out", type=Path, default=Path("measured.csv"), metavar="FILE")
    parser.add_argument("-backend", "--backend", choices=BACKENDS, default="auto")
    parser.add_argument("-device", "--device", choices=DEVICES, default="auto")
    parser.add_argument("-quick", "--quick", action="store_true", help="seconds in place of half a minute")
    parser.add_argument("-seconds", "--seconds", type=float, help="measure about so long")
    parser.add_argument("-ranks", "--ranks", type=int, help="processes of collectives")
    parser.add_argument("-force", "--force", action="store_true", help="write over FILE")
    parser.add_argument("-json", "--json", dest="as_json", action="store_true", help="print JSON")
    return parser.parse_args(arguments)


def _progress(text: str) -> None:
    """One line on a terminal, each over the last; nothing elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _refused(diagnostics: Diagnostics) -> int:
    """Tell of problems."""
    for one in diagnostics:
        sys.stderr.write(f"{one.severity}: {one.summary}. {one.detail}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
