"""A day under way: what of a plan's routes is driven by now, what is aboard, and what is still free."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from optimizer.memory import NoPlanFolderError
from optimizer.routing.locks import Begun, Locks
from optimizer.routing.past_breaks import TakenBefore, departures, taken_before
from optimizer.routing.stops import StopsOfTheDay
from scenarios.plans import read_plan, run_of, world_of
from scenarios.world import World, rows_of

_HELD: Final = "order_holds"
# End of a window that stands open: ten days on, which no route reaches.
OPEN_END: Final = 10 * 86_400
# How much longer than its shift a vehicle with goods aboard may be out at most.
_LONGEST: Final = 6 * 3600


@dataclass(frozen=True)
class Underway:
    """The plan that is being driven, and the moment.

    world, routes, transfers: the plan's inputs and tables; held: customer orders it did not ship
    now: seconds since midnight; late: seconds by which vehicles run behind the plan
    """

    world: World
    routes: pd.DataFrame
    transfers: pd.DataFrame
    held: frozenset[str]
    now: int
    late: Mapping[str, int] = field(default_factory=dict)

    @property
    def moment(self) -> datetime:
        """The time of day as a moment of the plan date."""
        return datetime.combine(self.world.plan_date, time()) + timedelta(seconds=self.now)


def read_underway(folder: Path, world: World, now: int, late: Mapping[str, int]) -> Underway:
    """Return a plan of the same day as it is being driven.

    Raises NoPlanFolderError where the folder holds no routes of the plan date, or who is said to be late drives none.
    """
    if not (folder / "run.json").is_file() or run_of(folder)["plan_date"] != world.plan_date.isoformat():
        raise NoPlanFolderError(f"{folder} is no plan of {world.plan_date}")
    plan = read_plan(folder)
    routes = plan.frame("routes")
    if routes.empty:
        raise NoPlanFolderError(f"{folder} has no routes that could be under way")
    unknown = sorted(set(late) - set(routes["vehicle_id"]))
    if unknown:
        raise NoPlanFolderError(f"{', '.join(unknown)} drives no route of {folder}")
    held = frozenset(plan.frame(_HELD)["order_id"])
    return Underway(world_of(folder, plan), routes, plan.frame("transfers"), held, now, late)


@dataclass(frozen=True)
class _Progress:
    """How far one vehicle is: stops done, the one it is at or on its way to (None for none), what else is aboard.

    reloads: it is on its way to its depot; until: when the plan has it leave the current stop, where it arrived by now
    """

    start: int
    done: tuple[tuple[str, int], ...]
    current: str | None
    aboard: tuple[str, ...]
    reloads: bool
    until: int = 0


def settled_by(
    underway: Underway, found: StopsOfTheDay, done: Collection[str], drives: Collection[str]
) -> tuple[StopsOfTheDay, Locks]:
    """
    Return the stops with what is aboard kept on its vehicle and the rest loaded from now on, and what is settled.

    done: deliveries that the tables call done, whatever the plan's times say
    drives: vehicles of the day

    A vehicle that left keeps what it has driven, and the stop it is at or on its way to; on its way to a first stop
    that is wanted no more it is planned as if it stood at its depot. What it carries for later stops stays aboard.
    All other goods from a depot need a trip loaded after now.
    """
    known = set(found.stops["stop_id"])
    begun: dict[str, Begun] = {}
    carrier: dict[str, str] = {}
    words: list[str] = []
    taken = breaks_taken(underway)
    for vehicle, rows in underway.routes.groupby("vehicle_id"):
        name, route = str(vehicle), departures(rows.sort_values("seq"))
        late = underway.late.get(name, 0)
        if name not in drives:
            words.append(f"{name} drives no longer: what it carries is planned as if it lay at its depot")
            continue
        progress = _progress(underway, list(rows_of(route)), late, done)
        if progress is None:
            begun[name] = Begun(resume=underway.now + late)
            continue
        begun[name] = _begun(underway, progress, known, frozenset(one.row.stop_id for one in taken.get(name, [])))
        carrier |= dict.fromkeys((*begun[name].stops, *progress.aboard), name)
        gone = sorted(set(progress.aboard) - known)
        words += [f"{stop} is aboard {name} and wanted no more: it comes back" for stop in gone]
    carrier.pop("", None)
    # Who has no route yet leaves from now on.
    begun |= {name: Begun(resume=underway.now) for name in drives if name not in begun}
    return replace(found, stops=_kept_aboard(found.stops, carrier, underway.now)), Locks(begun, tuple(words))


def _kept_aboard(stops: pd.DataFrame, carrier: Mapping[str, str], now: int) -> pd.DataFrame:
    """Return the stops with those aboard tied to their vehicle, and other goods of a depot released from now on."""
    aboard = stops["stop_id"].isin(carrier.keys()).to_numpy()
    fetched = ((stops["kind"] == "pick-up") | stops["partner"].notna()).to_numpy()
    release = np.where(aboard | fetched, 0, np.maximum(stops["release"].to_numpy(np.int64), now))
    mine = [carrier.get(stop, own) for stop, own in zip(stops["stop_id"], stops["vehicle_id"], strict=True)]
    return stops.assign(release=release, vehicle_id=pd.Series(mine, index=stops.index, dtype=object))


def _progress(underway: Underway, rows: list[Any], late: int, done: Collection[str]) -> _Progress | None:
    """Return how far a vehicle is; None where it has not left yet."""
    midnight = datetime.combine(underway.world.plan_date, time())

    def when(moment: pd.Timestamp) -> int:
        return round((moment - midnight).total_seconds()) + late

    start = when(rows[0].etd)
    if start > underway.now and not any(row.stop_id in done for row in rows):
        return None
    ends = len(rows) > 1 and rows[-1].kind == "depot"
    visits = rows[1:-1] if ends else rows[1:]
    driven = [n for n, row in enumerate(visits) if when(row.etd) <= underway.now or row.stop_id in done]
    # Stops passed over on the way to one that is done are still open; the depot between two trips is not.
    behind = [
        row for n, row in enumerate(visits) if n in driven or (row.kind == "depot" and n < max(driven, default=0))
    ]
    passed = tuple(_passed(behind, when, min(start, underway.now)))
    rest = [row for row in visits if all(row is not other for other in behind)]
    current = rest[0] if rest and rest[0].kind != "depot" else None
    trip = rest[0].trip if rest else -1
    loaded = [row for row in rest if row.trip == trip and current is not None and row.kind != "depot"]
    aboard = tuple(row.stop_id for row in loaded if row.kind != "pick-up")
    until = when(current.etd) if current is not None and when(current.eta) <= underway.now else 0
    return _Progress(min(start, underway.now), passed, current and current.stop_id, aboard, current is None, until)


def _passed(behind: list[Any], when: Any, start: int) -> Iterator[tuple[str, int]]:
    """Yield the stops behind a vehicle and when it left them, by the plan; "" for the depot between trips.

    What is done ahead of the plan keeps the plan's time: nobody says when it was.
    """
    last = start
    for row in behind:
        last = max(when(row.etd), last)
        yield ("" if row.kind == "depot" else row.stop_id), last


def breaks_taken(underway: Underway) -> dict[str, list[TakenBefore]]:
    """Return the breaks that have begun by now, by vehicle."""
    moment = pd.Timestamp(underway.moment)
    return {
        str(vehicle): taken_before(
            rows.sort_values("seq"), moment, timedelta(seconds=underway.late.get(str(vehicle), 0))
        )
        for vehicle, rows in underway.routes.groupby("vehicle_id")
    }


def _begun(underway: Underway, progress: _Progress, known: set[str], rested: frozenset[str]) -> Begun:
    """Return what is settled of a route that left: stops that are no longer known are left out."""
    done = _tidy([(stop, left) for stop, left in progress.done if stop in known or stop == ""])
    driven = (progress.start, *(left for _, left in done))
    ahead = progress.current if progress.current in known else None
    if not done and ahead is None and not progress.reloads:
        # Nobody knows where it turns round: no sooner than from its depot it is anywhere.
        return Begun(resume=underway.now, full=True)
    stops = (*(stop for stop, _ in done), *(() if ahead is None else (ahead,)))
    if stops and stops[-1] == "":
        stops, driven = stops[:-1], driven[:-1]
    if ahead is None and not progress.reloads:
        # It turns round on its way to a stop that is wanted no more: as if it stood where it was last.
        driven = (*driven[:-1], max(driven[-1], underway.now))
    # Where a break at the current stop has begun, it is left when the plan says.
    resume = driven[-1] if progress.reloads else max(underway.now, progress.until if rested else 0)
    return Begun(stops, driven, resume, progress.reloads, rested=rested)


def _tidy(done: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Return the stops without depots that load nothing: first, or one behind the other."""
    kept: list[tuple[str, int]] = []
    for stop, left in done:
        if stop == "" and (not kept or kept[-1][0] == ""):
            kept = kept[:-1]
            if not kept:
                continue
        kept.append((stop, left))
    return kept


def stuck_aboard(found: StopsOfTheDay, locks: Locks, left_out: Collection[str]) -> list[str]:
    """Return the stops left out whose goods are on the road, in a vehicle that can bring nothing else any more."""
    on_road = {vehicle for vehicle, one in locks.begun.items() if one.driven or one.full}
    stops = found.stops
    aboard = stops["stop_id"].isin(left_out) & stops["vehicle_id"].isin(on_road) & (stops["release"] == 0)
    return sorted(stops.loc[aboard, "stop_id"])


def loosened(found: StopsOfTheDay, locks: Locks, aboard: Collection[str]) -> tuple[StopsOfTheDay, Locks]:
    """Return the stops with a window that stays open for those aboard; where it does already, longer shifts."""
    chosen = found.stops["stop_id"].isin(aboard).tolist()
    windows = [
        [*some, (some[-1][1], OPEN_END)] if late and some and some[-1][1] < OPEN_END else some
        for some, late in zip(found.windows, chosen, strict=True)
    ]
    if windows != found.windows:
        return replace(found, windows=windows), locks
    behind = set(found.stops.loc[chosen, "vehicle_id"])
    return found, replace(locks, longer={**locks.longer, **dict.fromkeys(behind, _LONGEST)})
