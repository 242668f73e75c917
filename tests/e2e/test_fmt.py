"""``dcplan fmt``: what it writes, what it only says, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Small

MESSY = """\
# yaml-language-server: $schema=document.v1.json

workloads:
    chat:   {kind: serve,model: x}  #served
    b:
    - &one 'it''s'   # quoted
    -   name: "x: y"
        then: *one
    long: [1,
           2]   # as it was


    text: |
        kept   \n          deeper

# of the project
project:   a
"""
CANONICAL = """\
# yaml-language-server: $schema=document.v1.json

# of the project
project: a

workloads:
  chat: {kind: serve, model: x}     # served
  b:
    - &one 'it''s'   # quoted
    - name: "x: y"
      then: *one
  long: [1,
         2]   # as it was

  text: |
      kept   \n        deeper
"""


def filtered(text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """``dcplan fmt -`` of a text."""
    return subprocess.run(
        [sys.executable, "-m", "dcplan", "fmt", *options, "-"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_text_is_written_in_canonical_layout() -> None:
    """Levels, spaces and order change; comments, anchors, quotes, texts and line breaks of lists do not."""
    done, again = filtered(MESSY), filtered(CANONICAL)

    assert done.stdout == CANONICAL
    assert (done.returncode, again.returncode) == (0, 0)
    assert again.stdout == CANONICAL
    assert filtered(MESSY, "-check").returncode == 2
    assert filtered("a: [\n").returncode == 1


def test_files_are_written_where_they_change_and_named(small: Small) -> None:
    """-check and -write=false only say; without them the file is rewritten with its mode, and is stable."""
    path = small.folder / "dcplan.yaml"
    path.chmod(0o640)
    fine = small.run("fmt", "-check")
    before = path.read_text()
    small.replace("project: small", "project:    small")
    checked, unwritten = small.run("fmt", "-check", "-diff"), small.run("fmt", "-write=false", "-list=false")
    kept = path.read_text()
    done, again = small.run("fmt"), small.run("fmt", "-check")

    assert (fine.exit_code, checked.exit_code, unwritten.exit_code, again.exit_code) == (0, 2, 0, 0)
    assert (fine.stdout, unwritten.stdout, done.stdout) == ("", "", "dcplan.yaml\n")
    assert "-project:    small\n+project: small\n" in checked.stdout
    assert "project:    small" in kept
    assert path.read_text() == before
    assert path.stat().st_mode & 0o777 == 0o640


def test_one_bad_file_does_not_keep_the_others_from_being_formatted(small: Small) -> None:
    """Every file is looked at, also in folders below; the bad one is told at its line and left alone."""
    below = small.folder / "sub"
    (below / "dcplan.d").mkdir(parents=True)
    (below / "dcplan.yaml").write_text("a: 1: 2\n")
    (below / "dcplan.d" / "b.yaml").write_bytes(b"\xef\xbb\xbfworkloads:   {}\r\n")
    flat = small.data("fmt", "-check")
    done = small.run("fmt", "-recursive")

    assert [f["file"] for f in flat["files"]] == ["dcplan.yaml"]
    assert done.exit_code == 1
    assert "sub/dcplan.yaml:1:5" in done.stderr
    assert "byte order mark" not in done.stderr
    assert (below / "dcplan.yaml").read_text() == "a: 1: 2\n"
    assert (below / "dcplan.d" / "b.yaml").read_bytes() == b"workloads: {}\n"


def test_where_there_is_no_document_that_is_said(small: Small) -> None:
    """An empty folder is an error with the way out."""
    (small.folder / "empty").mkdir()
    done = small.run("fmt", "empty")

    assert done.exit_code == 1
    assert "Name files, or search below with -recursive." in " ".join(done.stderr.split())
