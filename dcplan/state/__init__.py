"""State: what dcplan made and was about to make, kept so that no crash can lose it.

Takes: Record (an intent, an answer, an outcome).       Gives: State, Operation, Lease.
Knows: SQLite, file locks, blobs on servers, leases.    Never: a provider, a secret.
"""

from dcplan.state.check import check
from dcplan.state.codec import from_json, json_schema, restored_from, to_json
from dcplan.state.errors import Fenced, StateDamaged, StateError, StateReadOnly, StateUnreadable
from dcplan.state.local import LocalStore, open_store
from dcplan.state.store import JournalWriter, Lease, Locker, StateReader, StateStore, StateWriter
from dcplan.state.types import (
    STATE_VERSION,
    Acknowledged,
    Finished,
    Intended,
    LockInfo,
    Operation,
    Phase,
    Record,
    Recorded,
    Restored,
    RunNoted,
    State,
    Tries,
    Voided,
)

__all__ = [
    "STATE_VERSION",
    "Acknowledged",
    "Fenced",
    "Finished",
    "Intended",
    "JournalWriter",
    "Lease",
    "LocalStore",
    "LockInfo",
    "Locker",
    "Operation",
    "Phase",
    "Record",
    "Recorded",
    "Restored",
    "RunNoted",
    "State",
    "StateDamaged",
    "StateError",
    "StateReadOnly",
    "StateReader",
    "StateStore",
    "StateUnreadable",
    "StateWriter",
    "Tries",
    "Voided",
    "check",
    "from_json",
    "json_schema",
    "open_store",
    "restored_from",
    "to_json",
]
