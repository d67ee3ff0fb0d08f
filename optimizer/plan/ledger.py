"""
What people decided about plans: locks, overrides, approvals, publications; appended, never changed, kept in SQLite.

The state of a plan and the promises that hold on a day follow from the events in their order. An event is written in
one transaction to a journal that is on the disk before the call returns, so a crash loses nothing that was answered.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime
from pathlib import Path

_FILE = ".ledger.sqlite"
# Events that give a plan its status, in their order.
STATUS = {"approve": "approved", "publish": "published", "finish": "done"}
_ORDER = ("proposed", "approved", "published", "done")
# A published plan has readers; what it promised can be released, not undone.
_UNDOABLE = ("lock", "override", "snooze", "release", "approve")


class LedgerError(ValueError):
    """An event cannot be; the message says what stands against it and what would help."""


@dataclass(frozen=True)
class Event:
    """
    One decision of a person.

    number: its place in the ledger, 0 before it is written; moment: when, UTC; plan: name of the plan's folder
    target, item_id, location_id, field, value: the line it is about, as in the table ``locks``; empty for whole plans
    until: last day it holds, None for the plan date alone; undoes: number of the event it takes back
    """

    action: str
    author: str
    reason: str
    company: str
    plan: str
    plan_date: date
    target: str = ""
    line_id: str = ""
    item_id: str = ""
    location_id: str = ""
    field: str = ""
    value: str = ""
    until: date | None = None
    undoes: int = 0
    number: int = 0
    moment: str = ""


_COLUMNS = tuple(field.name for field in fields(Event) if field.name != "number")


def ledger_in(plans: Path) -> Path:
    """Return where the ledger of a folder of plans lies."""
    return plans / _FILE


def ledger_beside(plan: Path) -> Path:
    """Return where the ledger of a plan's folder lies: hidden beside the plans."""
    return ledger_in(plan.absolute().parent)


class Ledger:
    """The events of all plans of a folder."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=30.0)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            columns = ", ".join(f"{name} TEXT NOT NULL" for name in _COLUMNS)
            connection.execute(f"CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY, {columns})")
            yield connection
        finally:
            connection.close()

    def events(self) -> list[Event]:
        """Return all events in their order; none where nothing was ever written."""
        if not self._path.exists():
            return []
        with self._open() as connection:
            return _read(connection)

    def append(self, event: Event) -> Event:
        """Write an event and return it with its number and time. Raises LedgerError where it cannot be."""
        with self._open() as connection:
            # One writer at a time, so that no event is judged by a state that is gone.
            connection.execute("BEGIN IMMEDIATE")
            try:
                _check(event, _read(connection))
                moment = datetime.now(UTC).isoformat(timespec="microseconds")
                values = [moment if name == "moment" else _text(getattr(event, name)) for name in _COLUMNS]
                marks = ", ".join("?" for _ in _COLUMNS)
                done = connection.execute(f"INSERT INTO events ({', '.join(_COLUMNS)}) VALUES ({marks})", values)
                number = int(done.lastrowid or 0)
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
        return replace(event, number=number, moment=moment)


def _read(connection: sqlite3.Connection) -> list[Event]:
    rows = connection.execute(f"SELECT number, {', '.join(_COLUMNS)} FROM events ORDER BY number").fetchall()
    return [_event(row) for row in rows]


def _text(value: object) -> str:
    return "" if value is None else value.isoformat() if isinstance(value, date) else str(value)


def _event(row: tuple[object, ...]) -> Event:
    given = {name: str(value) for name, value in zip(_COLUMNS, row[1:], strict=True)}
    return Event(
        **{name: given[name] for name in _COLUMNS if name not in {"plan_date", "until", "undoes"}},
        plan_date=date.fromisoformat(given["plan_date"]),
        until=date.fromisoformat(given["until"]) if given["until"] else None,
        undoes=int(given["undoes"]),
        number=int(str(row[0])),
    )


def _check(event: Event, before: list[Event]) -> None:
    """Raise LedgerError where an event does not follow from those before it."""
    if not event.author or not event.reason:
        raise LedgerError(f"{event.action} needs an author and a reason")
    status = status_of(before, event.plan)
    if event.action in STATUS:
        wanted = STATUS[event.action]
        if _ORDER.index(wanted) != _ORDER.index(status) + 1:
            raise LedgerError(
                f"{event.plan} is {status}: {event.action} comes after {_ORDER[_ORDER.index(wanted) - 1]}"
            )
    if event.action == "undo":
        other = next((one for one in before if one.number == event.undoes), None)
        if other is None or other.action not in _UNDOABLE or other not in standing(before):
            what = "there is none" if other is None else f"it is a {other.action}"
            raise LedgerError(f"event {event.undoes} cannot be undone, {what}; undone can be {', '.join(_UNDOABLE)}")
        if other.action == "approve" and status_of(before, other.plan) != "approved":
            raise LedgerError(f"{other.plan} is {status_of(before, other.plan)} already; release its lines instead")


def standing(events: list[Event]) -> list[Event]:
    """Return the events that were not taken back, without the undoing ones."""
    undone = {event.undoes for event in events if event.action == "undo"}
    return [event for event in events if event.action != "undo" and event.number not in undone]


def status_of(events: list[Event], plan: str) -> str:
    """Return proposed, approved, published or done."""
    own = [STATUS[event.action] for event in standing(events) if event.plan == plan and event.action in STATUS]
    return own[-1] if own else "proposed"


def published_on(events: list[Event], company: str, day: date) -> list[Event]:
    """Return the publications of a company's plans for a day, in their order."""
    return [e for e in standing(events) if (e.action, e.company, e.plan_date) == ("publish", company, day)]


def promises_on(events: list[Event], company: str, day: date) -> list[Event]:
    """Return the locks and overrides that hold on a day: of each line the one set last, none where it was released."""
    held: dict[tuple[str, str, str, str], Event | None] = {}
    for event in standing(events):
        if event.company != company or event.action not in {"lock", "override", "release"}:
            continue
        key = (event.target, event.item_id, event.location_id, event.field)
        if event.action == "release":
            held[key] = None
        elif event.plan_date <= day <= (event.until or event.plan_date):
            held[key] = event
    return [event for event in held.values() if event is not None]


def released_on(events: list[Event], company: str, since: Event) -> set[tuple[str, str, str]]:
    """Return the lines released after an event, as (target, item_id, location_id)."""
    later = [e for e in standing(events) if e.action == "release" and e.company == company and e.number > since.number]
    return {(e.target, e.item_id, e.location_id) for e in later}


def snoozed_on(events: list[Event], company: str, day: date) -> dict[str, Event]:
    """Return the subjects of exceptions that need not be looked at on a day."""
    own = [e for e in standing(events) if e.action == "snooze" and e.company == company]
    return {e.line_id: e for e in own if e.plan_date <= day <= (e.until or e.plan_date)}
