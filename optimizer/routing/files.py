"""Any routing file by its content: `.vrp`, Solomon, Gehring–Homberger and Li–Lim `.txt`, VROOM and loggibud `.json`."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from optimizer.routing.file_problem import FileProblem, Rounding, UnreadableRoutingFileError, text_of
from optimizer.routing.loggibud import is_parcels, read_parcels
from optimizer.routing.solomon import read_li_lim, read_solomon
from optimizer.routing.vroom import read_vroom
from optimizer.routing.vrplib import read_vrplib
from solvers.routing.problem import RoutingProblemError

_HEAD = 4000


def read_routing_file(path: Path, rounding: Rounding | None = None) -> FileProblem:
    """Return the problem of a file, whatever its form; `rounding` only for CVRPLIB files, None for the usual.

    Raises UnreadableRoutingFileError with the file, what was found and what is expected.
    """
    if not path.is_file():
        raise UnreadableRoutingFileError(f"{path}: no such file")
    try:
        return _read(path, rounding)
    except RoutingProblemError as error:
        raise UnreadableRoutingFileError(f"{path.name}: {error}") from error


def _read(path: Path, rounding: Rounding | None) -> FileProblem:
    with path.open("rb") as file:
        raw = file.read(_HEAD)
    if raw[:2] == b"\x1f\x8b":
        with gzip.open(path) as file:
            raw = file.read(_HEAD)
    head = raw.decode("utf-8", "replace")
    if "DIMENSION" in head:
        return read_vrplib(path, rounding)
    if head.lstrip().startswith("{"):
        return _read_json(path)
    if "CUST NO." in head:
        return read_solomon(path)
    first = head.split("\n", 1)[0].split()
    if len(first) == 3 and all(word.isdigit() for word in first):
        return read_li_lim(path)
    expected = "a CVRPLIB .vrp, a Solomon or Li-Lim .txt, or a VROOM or loggibud .json"
    raise UnreadableRoutingFileError(f"{path.name}: begins with {head[:40]!r}; expected {expected}")


def _read_json(path: Path) -> FileProblem:
    try:
        given = json.loads(text_of(path))
    except json.JSONDecodeError as error:
        raise UnreadableRoutingFileError(f"{path.name}: no VROOM input: {error!r}") from error
    return read_parcels(path, given) if is_parcels(given) else read_vroom(path, given)
