"""``--executor``: who works out questions that do not depend on each other.

Questions and answers are values that pickle, and each answer depends on its
question alone, so that it does not matter who gives it: this process, others
on this machine, or the workers of a Dask cluster.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from dcplan.diag import Diagnostic, Result, did_you_mean, error

T = TypeVar("T")
Question = TypeVar("Question")
Answer = TypeVar("Answer")

MOST = 200
"""Processes at the same time."""


class Where(StrEnum):
    """Kinds of helpers."""

    SERIAL = "serial"
    PROCESSES = "processes"
    DASK = "dask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fanout:
    """Who helps, as the command line names it."""

    where: Where
    processes: int | None = None
    """None: one for each processor."""
    address: str = ""
    """Of the Dask scheduler."""


SERIAL = Fanout(where=Where.SERIAL)
PROCESSES = Fanout(where=Where.PROCESSES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Helpers:
    """An executor that is open; none: everything is worked out here, one after the other."""

    executor: Executor | None = None
    at_once: int = 1
    """Questions that it answers at the same time."""


HERE = Helpers()


class Lost(Exception):  # noqa: N818 - not an error of the program
    """Helpers that cannot be had, or went away; caught by ``helped`` alone."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.detail)
        self.diagnostic = diagnostic


def read_fanout(text: str) -> Fanout:
    """``serial``, ``processes``, ``processes=N`` or ``dask=ADDRESS``; anything else is a ValueError."""
    name, sign, value = text.strip().partition("=")
    if name == Where.DASK and value:
        return Fanout(where=Where.DASK, address=value)
    if name == Where.DASK:
        raise ValueError("dask needs the address of its scheduler, as in dask=tcp://10.0.0.7:8786")
    if name == Where.PROCESSES and sign:
        if not (value.isascii() and value.isdigit() and 1 <= int(value) <= MOST):
            raise ValueError(f"{value!r} is no number of processes from 1 to {MOST}")
        return Fanout(where=Where.PROCESSES, processes=int(value))
    if name in {Where.SERIAL, Where.PROCESSES} and not sign:
        return Fanout(where=Where(name))
    hint = did_you_mean(name, tuple(Where)) or "There are: serial, processes, processes=N, dask=ADDRESS."
    raise ValueError(f"{text!r} is no executor. {hint}")


def helped(fanout: Fanout, work: Callable[[Helpers], Result[T]]) -> Result[T]:
    """The result of ``work`` with these helpers, who are sent away afterwards.

    Helpers that cannot be reached, or are lost on the way, are an error.
    """
    try:
        with _opened(fanout) as helpers:
            return work(helpers)
    except Lost as lost:
        return Result(None, (lost.diagnostic,))


@contextmanager
def _opened(fanout: Fanout) -> Iterator[Helpers]:
    """The helpers, until the work is done."""
    if fanout.where is Where.SERIAL:
        yield HERE
    elif fanout.where is Where.PROCESSES:
        with _processes(fanout.processes or os.cpu_count() or 1) as helpers:
            yield helpers
    else:
        from dcplan.workflow.dask_cluster import dask_cluster  # noqa: PLC0415 - an extra, and heavy

        with dask_cluster(fanout.address) as helpers:
            yield helpers


@contextmanager
def _processes(count: int) -> Iterator[Helpers]:
    """So many processes of this machine, each started when there is something to do for it."""
    import multiprocessing  # noqa: PLC0415 - only for those who ask for processes

    executor = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"))
    try:
        yield Helpers(executor=executor, at_once=count)
    except BrokenProcessPool:
        detail = (
            "A helper process ended in the middle of its work, most often because the machine ran out of "
            "memory. Use fewer of them with -executor processes=N, or none with -executor serial."
        )
        raise Lost(error("helper-lost", "A helper was lost", detail)) from None
    finally:
        executor.shutdown(cancel_futures=True)


class Ahead(Generic[Question, Answer]):
    """A function of one question, some of whose answers are worked out before they are needed."""

    def __init__(self, function: Callable[[Question], Answer], helpers: Helpers) -> None:
        self._function = function
        self._helpers = helpers
        self._begun: dict[Question, Future[Answer]] = {}

    def soon(self, questions: Iterable[Question]) -> None:
        """Begin with these, in their order, as far as helpers are free."""
        if self._helpers.executor is None:
            return
        free = self._helpers.at_once - sum(not future.done() for future in self._begun.values())
        for question in questions:
            if free <= 0:
                return
            if question not in self._begun:
                self._begun[question] = self._helpers.executor.submit(self._function, question)
                free -= 1

    def __call__(self, question: Question) -> Answer:
        """The answer, which is waited for."""
        if self._helpers.executor is None:
            return self._function(question)
        if question not in self._begun:
            self._begun[question] = self._helpers.executor.submit(self._function, question)
        return self._begun[question].result()

    def close(self) -> None:
        """Take back what has not been begun and nobody needs any more."""
        for future in self._begun.values():
            future.cancel()
