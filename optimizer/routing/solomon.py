"""Solomon, Gehring–Homberger and Li–Lim `.txt` files: double precision, vehicles first, then distance."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from optimizer.routing.file_problem import (
    DOUBLE_SCALE,
    FileProblem,
    UnreadableRoutingFileError,
    double_precision,
    longest_plan,
    one_type,
    text_of,
)
from solvers.routing.problem import ALONE, IntArray, RoutingProblem, stops_of

_CONVENTION: Final = (
    "distances in double precision, kept to five decimals and times rounded up; fewer vehicles before less distance"
)
_SOLOMON_COLUMNS: Final = 7
_LI_LIM_COLUMNS: Final = 9


def read_solomon(path: Path) -> FileProblem:
    """Return a vehicle routing problem with time windows in Solomon's form (1987).

    Raises UnreadableRoutingFileError with the file and what was found.
    """
    rows = [line.split() for line in text_of(path).splitlines()]
    numbers = [row for row in rows if row and all(_is_number(cell) for cell in row)]
    fleet = [row for row in numbers if len(row) == 2]
    if len(fleet) != 1 or len(numbers) < 2:
        raise UnreadableRoutingFileError(f"{path.name}: no line with the number and the capacity of vehicles")
    table = _table(path, [row for row in numbers if len(row) != 2], _SOLOMON_COLUMNS)
    return _problem(path, table, (int(fleet[0][0]), int(fleet[0][1])), None)


def read_li_lim(path: Path) -> FileProblem:
    """Return a pick-up and delivery problem with time windows in the form of Li and Lim (2001).

    Raises UnreadableRoutingFileError with the file and what was found.
    """
    rows = [line.split() for line in text_of(path).splitlines() if line.strip()]
    if not rows or len(rows[0]) != 3:
        raise UnreadableRoutingFileError(f"{path.name}: the first line should hold vehicles, capacity and speed")
    table = _table(path, rows[1:], _LI_LIM_COLUMNS)
    before, after = table[1:, 7].astype(np.int64), table[1:, 8].astype(np.int64)
    partner = np.maximum(before, after) - 1
    if ((before > 0) == (after > 0)).any():
        raise UnreadableRoutingFileError(f"{path.name}: a stop is neither pick-up nor delivery, or both")
    return _problem(path, table, (int(rows[0][0]), int(rows[0][1])), partner)


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _table(path: Path, rows: list[list[str]], columns: int) -> npt.NDArray[np.float64]:
    """Return number, x, y, demand, ready, due, service (and for Li–Lim pick-up, delivery), one row a node."""
    for row in rows:
        if len(row) != columns:
            raise UnreadableRoutingFileError(f"{path.name}: {' '.join(row)!r} has {len(row)} figures, not {columns}")
    table = np.array(rows, np.float64)
    if len(table) == 0 or (table[:, 0] != np.arange(len(table))).any():
        raise UnreadableRoutingFileError(f"{path.name}: nodes are not numbered 0, 1, 2, …")
    return table


def _problem(
    path: Path, table: npt.NDArray[np.float64], fleet: tuple[int, int], partner: IntArray | None
) -> FileProblem:
    metres, seconds = double_precision(table[:, 1:3])
    count = len(table) - 1
    load = table[1:, 3:4].astype(np.int64)
    window = np.rint(table[:, 4:6] * DOUBLE_SCALE).astype(np.int64)
    price = float(longest_plan(metres, count))
    stops = stops_of(
        np.arange(1, count + 1, dtype=np.int64),
        load if partner is None else np.maximum(-load, 0),
        pickup=np.zeros_like(load) if partner is None else np.maximum(load, 0),
        window=window[1:],
        service_seconds=np.rint(table[1:, 6] * DOUBLE_SCALE).astype(np.int64),
        partner=np.full(count, ALONE, np.int64) if partner is None else partner,
    )
    shift = {"shift_start": int(window[0, 0]), "shift_end": int(window[0, 1]), "fixed_cost": price}
    vehicle = one_type(fleet[0], (fleet[1],), **shift)
    return FileProblem(
        name=path.name.split(".")[0],
        problem=RoutingProblem(stops, np.zeros(1, np.int64), (vehicle,), (metres,), (seconds,)),
        convention=_CONVENTION,
        scale=float(DOUBLE_SCALE),
        vehicle_price=price,
        stop_numbers=np.arange(1, count + 1, dtype=np.int64),
        stop_names=tuple(str(n + 1) for n in range(count)),
        coordinates=table[:, 1:3],
        unit=float(DOUBLE_SCALE),
    )
