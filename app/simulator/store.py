"""All the simulator remembers: records by kind and id, in order of creation, written through to SQLite if asked to.

Used by every act and view under `Store.changes()`, the one lock, which is never held over a network call or a sleep.
"""
from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

Json = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, id TEXT NOT NULL, position INTEGER NOT NULL, object TEXT NOT NULL, private TEXT NOT NULL,
    PRIMARY KEY (kind, id));
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass
class Record:
    """One object as the API shows it, beside what the API never shows."""

    kind: str
    id: str
    position: int
    object: Json
    private: Json = field(default_factory=dict)


class Store:
    """Memory first; what changed inside `changes()` reaches the file in one transaction when the block ends."""

    def __init__(self, path: str | None = None) -> None:
        self._lock = RLock()
        self._depth = 0
        self._position = 0
        self._records: dict[str, dict[str, Record]] = {}
        self._meta: dict[str, Any] = {}
        self._dirty: dict[tuple[str, str], Record | None] = {}
        self._dirty_meta: set[str] = set()
        self._file = self._open(path) if path else None

    def _open(self, path: str) -> sqlite3.Connection:
        file = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        file.execute("PRAGMA journal_mode=WAL")
        file.execute("PRAGMA synchronous=NORMAL")
        file.executescript(_SCHEMA)
        for kind, id_, position, object_, private in file.execute(
            "SELECT kind, id, position, object, private FROM records ORDER BY position"
        ):
            record = Record(kind, id_, position, json.loads(object_), json.loads(private))
            self._records.setdefault(kind, {})[id_] = record
            self._position = position
        self._meta = {name: json.loads(value) for name, value in file.execute("SELECT name, value FROM meta")}
        return file

    @contextmanager
    def changes(self) -> Iterator[None]:
        """Hold the lock; on leaving the outermost block, write what changed."""
        with self._lock:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._flush()

    def _flush(self) -> None:
        if self._file is not None and (self._dirty or self._dirty_meta):
            self._file.execute("BEGIN IMMEDIATE")
            for (kind, id_), record in self._dirty.items():
                if record is None:
                    self._file.execute("DELETE FROM records WHERE kind = ? AND id = ?", (kind, id_))
                else:
                    row = (kind, id_, record.position, json.dumps(record.object), json.dumps(record.private))
                    self._file.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?, ?)", row)
            for name in self._dirty_meta:
                self._file.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(self._meta[name])))
            self._file.execute("COMMIT")
        self._dirty.clear()
        self._dirty_meta.clear()

    def add(self, kind: str, object_: Json, private: Json | None = None) -> Record:
        """Remember a new object under its `id`."""
        with self.changes():
            self._position += 1
            record = Record(kind, object_["id"], self._position, object_, private or {})
            self._records.setdefault(kind, {})[record.id] = record
            self.save(record)
            return record

    def save(self, record: Record) -> None:
        """Say that a record was changed."""
        with self.changes():
            self._dirty[record.kind, record.id] = record

    def remove(self, kind: str, id_: str) -> None:
        """Forget one record."""
        with self.changes():
            if self._records.get(kind, {}).pop(id_, None) is not None:
                self._dirty[kind, id_] = None

    def get(self, kind: str, id_: str | None) -> Record | None:
        """The record, or None."""
        with self._lock:
            return self._records.get(kind, {}).get(id_ or "")

    def need(self, kind: str, id_: str | None) -> Record:
        """The record that must be there, because another record names it."""
        record = self.get(kind, id_)
        if record is None:
            raise LookupError(f"The simulator knows no {kind} {id_!r}.")
        return record

    def all(self, kind: str) -> list[Record]:
        """Every record of a kind, oldest first."""
        with self._lock:
            return list(self._records.get(kind, {}).values())

    def recall(self, name: str) -> Any:
        """A remembered value that is no object (the clock's offset, for one), or None."""
        with self._lock:
            return self._meta.get(name)

    def remember(self, name: str, value: Any) -> None:
        """Keep such a value."""
        with self.changes():
            self._meta[name] = value
            self._dirty_meta.add(name)

    def clear(self) -> None:
        """Forget everything, in the file as well."""
        with self.changes():
            for kind, records in self._records.items():
                for id_ in records:
                    self._dirty[kind, id_] = None
            self._records = {}

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None
