"""The smallest set of lines that clash."""

from __future__ import annotations

import numpy as np

from dcplan.sharding.clash import Line, left, smallest_clash


def line(name: str, *keeps: int) -> Line:
    """A line that leaves these of four layouts."""
    return Line(says=name, origin=(name,), keeps=np.array([i in keeps for i in range(4)]))


EVERYTHING = np.ones(4, dtype=bool)


def test_lines_that_leave_something_do_not_clash() -> None:
    """Where all lines together leave a layout there is no clash."""
    assert smallest_clash(EVERYTHING, [line("a", 0, 1), line("b", 1, 2)]) is None


def test_the_smallest_clash_leaves_out_the_innocent() -> None:
    """Only lines without any of which there would be layouts are named."""
    lines = [line("innocent", 0, 1, 2), line("a", 0, 1), line("b", 2, 3)]
    clash = smallest_clash(EVERYTHING, lines)

    assert clash == (lines[1], lines[2])
    assert all(left(EVERYTHING, [other for other in clash if other is not one]).any() for one in clash)


def test_nothing_possible_clashes_with_no_line() -> None:
    """Where nothing is possible at all, no line of the user's is to blame."""
    assert smallest_clash(np.zeros(4, dtype=bool), [line("a", 0)]) == ()
