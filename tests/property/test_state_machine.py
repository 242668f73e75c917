"""Whatever is written to a state, in any order, however its process ends: it is what a plain model says."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from blobs_for_tests import MemoryBlobs
from dcplan.resources import Action, Address, Resource
from dcplan.state import (
    Acknowledged,
    Fenced,
    Finished,
    Intended,
    LockInfo,
    Operation,
    Phase,
    StateStore,
    Tries,
    Voided,
    check,
    open_store,
)
from dcplan.state.log import Manner, open_log

INFO = LockInfo(pid=1, who="a@b", operation="apply", since="now")
PLACES = [Address("world", "thing", name) for name in "abcd"]


class Files:
    """A state in a folder; a crash leaves what is in the folder at that moment."""

    def __init__(self) -> None:
        self._folders = [Path(tempfile.mkdtemp())]

    def open(self) -> StateStore:
        """The state as it is on disk."""
        return open_store(self._folders[-1] / "state.db", create=True).unwrap()

    def crash(self) -> None:
        """The files as they are: nobody closes them any more."""
        left = Path(tempfile.mkdtemp())
        shutil.copytree(self._folders[-1], left, dirs_exist_ok=True)
        self._folders.append(left)

    def clear(self) -> None:
        """Take all away."""
        for folder in self._folders:
            shutil.rmtree(folder)


class Server:
    """A state on a server; a crash leaves its lease behind."""

    def __init__(self) -> None:
        self._blobs = MemoryBlobs()

    def open(self) -> StateStore:
        """The state as the server has it."""
        return open_log(self._blobs, create=True, manner=Manner(beat=False)).unwrap()

    def crash(self) -> None:
        """The next one need not wait until the lease ends."""
        other = self.open()
        other.force_unlock()
        other.close()

    def clear(self) -> None:
        """Nothing is left of it."""


def resource(address: Address, size: int, number: int) -> Resource:
    """A resource as an outcome has it."""
    return Resource(address=address, attributes={"size": size}, outputs={"id": f"o{number}"})


class Machine(RuleBasedStateMachine):
    """A store, and beside it a dictionary for each thing that it keeps."""

    kept: type[Files | Server] = Files

    def __init__(self) -> None:
        super().__init__()
        self.where = self.kept()
        self.store = self.where.open()
        self.store.lock(INFO).unwrap()
        self.lineage = self.store.read().lineage
        self.rows: dict[Address, Resource] = {}
        self.open: dict[str, Operation] = {}
        self.tries: dict[Address, Tries] = {}
        self.deployment: dict[str, Any] = {}
        self.serial = 0
        self.number = 0
        self.abandoned: list[StateStore] = []

    def teardown(self) -> None:
        """Close everything."""
        for store in (self.store, *self.abandoned):
            store.close()
        self.where.clear()

    def _operation(self, address: Address, size: int, *, delete: bool) -> Operation:
        self.number += 1
        tries = self.tries.get(address, Tries())
        before = self.rows.get(address)
        action = Action.CREATE if before is None else Action.DELETE if delete else Action.UPDATE
        return Operation(
            op_id=f"op{self.number}",
            epoch=self.store.epoch,
            run_id="r",
            address=address,
            action=action,
            generation=tries.generation + (action is Action.CREATE),
            attempt=tries.attempt + 1,
            phase=Phase.INTENT,
            resource=before if delete and before else resource(address, size, self.number),
        )

    def _noted(self, operation: Operation) -> None:
        self.open[operation.op_id] = operation
        before = self.tries.get(operation.address, Tries())
        self.tries[operation.address] = replace(before, attempt=operation.attempt)

    def _set(self, address: Address, row: Resource | None) -> None:
        if row is None:
            self.serial += self.rows.pop(address, None) is not None
        elif self.rows.get(address) != row:
            self.rows[address] = row
            self.serial += 1

    def _chosen(self, data: st.DataObject) -> Operation:
        return self.open[data.draw(st.sampled_from(sorted(self.open)))]

    @rule(address=st.sampled_from(PLACES), size=st.integers(1, 3), delete=st.booleans())
    def intend(self, address: Address, size: int, *, delete: bool) -> None:
        """A call is about to be made, where none is open."""
        if any(o.address == address for o in self.open.values()):
            return
        operation = self._operation(address, size, delete=delete)
        self.store.write([Intended(operation=operation)])
        self._noted(operation)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        """The provider took a call."""
        operation = self._chosen(data)
        self.store.write([Acknowledged(op_id=operation.op_id, object_id=f"o-{operation.op_id}")])
        self.open[operation.op_id] = replace(
            operation, phase=Phase.ACK, object_id=f"o-{operation.op_id}", operation_id=None
        )

    @precondition(lambda self: self.open)
    @rule(data=st.data(), address=st.sampled_from(PLACES))
    def finish(self, data: st.DataObject, address: Address) -> None:
        """A call has ended, and in the same transaction perhaps the next one is intended."""
        operation = self._chosen(data)
        row = None if operation.action is Action.DELETE else operation.resource
        following = None
        if not any(o.address == address for o in self.open.values()):
            following = self._operation(address, 1, delete=False)
        records = [Finished(op_id=operation.op_id, resource=row)]
        self.store.write([*records, Intended(operation=following)] if following else records)
        del self.open[operation.op_id]
        if operation.action is Action.CREATE:
            self.tries[operation.address] = Tries(generation=operation.generation)
        self._set(operation.address, row)
        if following:
            self._noted(following)

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def void(self, data: st.DataObject) -> None:
        """A call made nothing."""
        operation = self._chosen(data)
        self.store.write([Voided(op_id=operation.op_id, why="no")])
        del self.open[operation.op_id]

    @rule(address=st.sampled_from(PLACES), size=st.integers(1, 3), gone=st.booleans())
    def record(self, address: Address, size: int, *, gone: bool) -> None:
        """A refresh saw something."""
        row = None if gone else resource(address, size, 0)
        self.store.record({address: row})
        self._set(address, row)

    @rule(value=st.integers(0, 2))
    def deploy(self, value: int) -> None:
        """The summary of a plan is kept."""
        told: dict[str, Any] = {"value": value}
        self.store.set_deployment(told)
        self.serial += self.deployment != told
        self.deployment = told

    @rule(keep=st.integers(0, 3))
    def compact(self, keep: int) -> None:
        """Closed calls are dropped."""
        self.store.compact(keep)

    @rule(address=st.sampled_from(PLACES))
    def mistaken(self, address: Address) -> None:
        """One record of a group is nonsense: none of them is written."""
        operation = self._operation(address, 9, delete=False)
        with pytest.raises(RuntimeError, match="bug in dcplan"):
            self.store.write([Intended(operation=operation), Finished(op_id="nobody", resource=None)])

    @rule()
    def reopen(self) -> None:
        """One process ends, the next begins."""
        self.store.close()
        self._open()

    @rule()
    def crash(self) -> None:
        """The process is killed, the next begins."""
        self.abandoned.append(self.store)
        self.where.crash()
        self._open()

    @rule()
    def fence(self) -> None:
        """Somebody takes the lock by force: this one may not write any more."""
        other = self.where.open()
        other.force_unlock()
        other.close()
        with pytest.raises(Fenced):
            self.store.set_deployment({"value": "late"})
        self.store.close()
        self._open()

    def _open(self) -> None:
        self.store = self.where.open()
        self.store.lock(INFO).unwrap()

    @invariant()
    def is_as_the_model(self) -> None:
        """Rows, open calls, tries, serial and lineage are what was written; the state holds together."""
        state = self.store.read()
        known = [(o.op_id, o.phase, o.object_id) for o in self.store.open_operations()]

        assert (state.lineage, state.serial) == (self.lineage, self.serial)
        assert state.resources == self.rows
        assert state.deployment == self.deployment
        assert known == [(o.op_id, o.phase, o.object_id) for o in self.open.values()]
        assert self.store.tries() == self.tries
        assert check(state) == ()


class ServerMachine(Machine):
    """The same on a server."""

    kept = Server


_HOW = settings(
    max_examples=int(os.environ.get("SOAK_EXAMPLES", "12")),
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestFiles = Machine.TestCase
TestFiles.settings = _HOW
TestServer = ServerMachine.TestCase
TestServer.settings = _HOW
