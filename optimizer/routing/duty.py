"""What a day asks of drivers and docks: breaks and doors of the tables, as a routing problem takes them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from optimizer.routing.hours import DAY_SECONDS, clock_seconds
from scenarios.world import World, rows_of
from solvers.routing.problem import NO_LIMIT, Break, Dock

# A route is planned with so many breaks at most.
_MOST_BREAKS: Final = 6


@dataclass(frozen=True)
class Duty:
    """The breaks of a vehicle with their names, and in words what of its rows cannot be."""

    breaks: tuple[Break, ...] = ()
    names: tuple[str, ...] = ()
    words: tuple[str, ...] = ()


def duty_of(world: World, vehicle: str, shift: tuple[int, int]) -> Duty:
    """Return the breaks of a vehicle inside its shift (seconds of the plan date), earliest first.

    A clock before the shift's begin is that of the next day. One break by driving time is kept, the strictest.
    """
    table = world.frame("vehicle_breaks")
    mine = table[table["vehicle_id"] == vehicle].sort_values("break", kind="stable")
    kept, words = [], []
    for row in rows_of(mine):
        pause = _break_of(row, shift)
        if pause.seconds <= 0:
            words.append(f"break {row[2]} of {vehicle} takes no time: it is left out")
        elif pause.earliest > min(pause.latest, shift[1]) or pause.latest < shift[0]:
            words.append(f"break {row[2]} of {vehicle} lies outside its shift: it is left out")
        else:
            kept.append((pause, str(row[2])))
    rules = sorted((one for one in kept if one[0].is_rule), key=lambda one: one[0].after_drive_seconds)
    words += [f"break {name} of {vehicle} by driving time: {rules[0][1]} is stricter" for _, name in rules[1:]]
    kept = sorted([one for one in kept if not one[0].is_rule or one is rules[0]], key=lambda one: one[0][:2])
    words += [f"break {name} of {vehicle}: more than {_MOST_BREAKS} are not planned" for _, name in kept[_MOST_BREAKS:]]
    kept = kept[:_MOST_BREAKS]
    return Duty(tuple(one for one, _ in kept), tuple(name for _, name in kept), tuple(words))


def still_due(duty: Duty, rested: Collection[str]) -> Duty:
    """Return a duty without the breaks that are taken; those by driving time come again."""
    kept = [(b, name) for b, name in zip(duty.breaks, duty.names, strict=True) if b.is_rule or name not in rested]
    return Duty(tuple(one for one, _ in kept), tuple(name for _, name in kept), duty.words)


def _break_of(row: Any, shift: tuple[int, int]) -> Break:
    start, end = shift
    earliest, latest = clock_seconds(row.earliest, start), clock_seconds(row.latest, end)
    if isinstance(row.earliest, str) and earliest + DAY_SECONDS <= end and earliest < start:
        earliest += DAY_SECONDS
    if isinstance(row.latest, str) and latest < max(earliest, start) and latest + DAY_SECONDS <= end:
        latest += DAY_SECONDS
    seconds = 0 if pd.isna(row.minutes) else round(float(row.minutes) * 60)
    after = NO_LIMIT if pd.isna(row.after_drive_minutes) else round(float(row.after_drive_minutes) * 60)
    return Break(earliest, latest, seconds, after, bool(row.paid))


def docks_of(world: World, depots: Sequence[str], until: int) -> tuple[Dock, ...]:
    """Return the doors of the depots, through the night where somebody drives past midnight."""
    return tuple(_docks(world, depots, until))


def _docks(world: World, depots: Sequence[str], until: int) -> Iterator[Dock]:
    for row in rows_of(world.frame("dock_slots")):
        if row.depot_id not in depots:
            continue
        start, end = clock_seconds(row.from_time, 0), clock_seconds(row.to_time, DAY_SECONDS)
        end += DAY_SECONDS * (end <= start)
        for day in range(max(-(-until // DAY_SECONDS), 1)):
            shift = day * DAY_SECONDS
            yield Dock(depots.index(row.depot_id), start + shift, end + shift, int(row.doors))
