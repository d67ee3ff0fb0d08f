"""
What people decided about plans: locks, overrides, approvals, publications; appended, never changed, kept in SQLite.

The state of a plan and the promises that hold on a day follow from the events in their order. An event is written in
one transaction to a journal that is on the disk before the call returns, so a crash loses nothing that was answered.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

_FILE = ".ledger.sqlite"
# How long a process waits for another that writes.
_WAIT_SECONDS = 30.0
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

    number: its place in the ledger, 0 before it is written; moment: when, UTC, never before that of an earlier event
    plan: name of the plan's folder
    target, item_id, location_id, source_id, field, value: the line, as in the table ``locks``; empty for whole plans
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
    source_id: str = ""
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
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=_WAIT_SECONDS)
        try:
            _begun(connection)
            yield connection
        except sqlite3.DatabaseError as error:
            raise LedgerError(f"{self._path} cannot be used: {error}; put a copy of it back") from None
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
                before = _read(connection)
                _check(event, before)
                moment = _moment(before)
                values = [moment if name == "moment" else _text(getattr(event, name)) for name in _COLUMNS]
                marks = ", ".join("?" for _ in _COLUMNS)
                done = connection.execute(f"INSERT INTO events ({', '.join(_COLUMNS)}) VALUES ({marks})", values)
                number = int(done.lastrowid or 0)
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise
        return replace(event, number=number, moment=moment)


def _begun(connection: sqlite3.Connection) -> None:
    """Make a new file a ledger. Two processes may do so at once, and SQLite lets none wait for the journal's kind."""
    patience = time.monotonic() + _WAIT_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > patience:
                raise
            time.sleep(0.01)
    connection.execute("PRAGMA synchronous = FULL")
    columns = ", ".join(f"{name} TEXT NOT NULL" for name in _COLUMNS)
    connection.execute(f"CREATE TABLE IF NOT EXISTS events (number INTEGER PRIMARY KEY, {columns})")


def _moment(before: list[Event]) -> str:
    """Return the time of a new event: now, or just after the last one where the clock went back since."""
    now = datetime.now(UTC)
    if before:
        now = max(now, datetime.fromisoformat(before[-1].moment) + timedelta(microseconds=1))
    return now.isoformat(timespec="microseconds")


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
    if not event.author.strip() or not event.reason.strip():
        raise LedgerError(f"{event.action} needs an author and a reason")
    if event.until is not None and event.until < event.plan_date:
        raise LedgerError(f"until {event.until} is before the plan date {event.plan_date}: it would never hold")
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
    held: dict[tuple[str, ...], Event | None] = {}
    for event in standing(events):
        if event.company != company or event.action not in {"lock", "override", "release"}:
            continue
        key = (event.target, event.item_id, event.location_id, event.source_id, event.field)
        if event.action == "release":
            held[key] = None
        elif event.plan_date <= day <= (event.until or event.plan_date):
            held[key] = event
    return [event for event in held.values() if event is not None]


def released_on(events: list[Event], company: str, since: Event) -> set[tuple[str, str, str, str]]:
    """Return the lines released after an event, as (target, item_id, location_id, source_id)."""
    later = [e for e in standing(events) if e.action == "release" and e.company == company and e.number > since.number]
    return {(e.target, e.item_id, e.location_id, e.source_id) for e in later}


def snoozed_on(events: list[Event], company: str, day: date) -> dict[str, Event]:
    """Return the subjects of exceptions that need not be looked at on a day."""
    own = [e for e in standing(events) if e.action == "snooze" and e.company == company]
    return {e.line_id: e for e in own if e.plan_date <= day <= (e.until or e.plan_date)}
