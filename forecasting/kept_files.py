"""
What a forecast keeps, as one table of named arrays: plain numbers and texts, nothing that could run.

A row is an array: name, type, shape and its bytes, little-endian; texts are a JSON list. A table of another format
gives nothing, and parameters are learnt anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from forecasting.boosting import Boost
from forecasting.bootstrap import Library
from forecasting.drift import DriftState
from forecasting.features import Calendar
from forecasting.history import Terms
from forecasting.kept import Ended, Kept
from forecasting.pool import Learned, Pool
from forecasting.profiles import Profile
from forecasting.selection import Choice
from forecasting.smoothing import LevelRule

# Raised whenever what is kept, or what it means, changes.
FORMAT = 2
_TEXT = "text"
_TYPES = {"<f8", "<f4", "<i8", "<u8", "|u1"}
_SCHEMA = pa.schema(
    [("name", pa.string()), ("type", pa.string()), ("shape", pa.list_(pa.int64())), ("data", pa.large_binary())]
)
Arrays = Mapping[str, npt.NDArray[Any]]


def kept_table(kept: Kept) -> pa.Table:
    """Return what is kept as a table with the columns name, type, shape, data."""
    rows = [_array_row(name, np.asarray(values)) for name, values in _arrays(kept).items()]
    rows += [_text_row(name, values) for name, values in _texts(kept).items()]
    return pa.Table.from_pylist(rows, _SCHEMA)


def kept_from(table: pa.Table | None) -> Kept | None:
    """Return what a table keeps; None without one, or for one of another format."""
    if table is None or table.schema.names != _SCHEMA.names:
        return None
    arrays: dict[str, npt.NDArray[Any]] = {}
    texts: dict[str, list[str]] = {}
    for row in table.to_pylist():
        if row["type"] == _TEXT:
            texts[row["name"]] = json.loads(row["data"])
        elif row["type"] in _TYPES:
            arrays[row["name"]] = np.frombuffer(row["data"], row["type"]).reshape(row["shape"]).copy()
    if "format" not in arrays or int(arrays["format"]) != FORMAT:
        return None
    return _kept(arrays, texts)


def _array_row(name: str, values: npt.NDArray[Any]) -> dict[str, Any]:
    plain = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return {"name": name, "type": plain.dtype.str, "shape": list(values.shape), "data": plain.tobytes()}


def _text_row(name: str, values: Sequence[str]) -> dict[str, Any]:
    return {"name": name, "type": _TEXT, "shape": [len(values)], "data": json.dumps(list(values)).encode()}


def _arrays(kept: Kept) -> Arrays:
    """Return everything that is a number."""
    pool, rule = kept.learned.pool, kept.learned.pool.rule
    scalars = [pool.profile.shrinkage, rule.recovery, rule.variation, rule.trust]
    arrays: dict[str, npt.NDArray[Any]] = {
        "format": np.array(FORMAT),
        "times": np.array([kept.begun.astype(np.int64), kept.fitted, kept.seen, pool.block]),
        "scalars": np.array(scalars),
        "group": kept.group,
        "mark": kept.mark,
        "hasty": np.packbits(kept.hasty),
        "profile": pool.profile.pooled,
        "launch": pool.profile.launch,
        "decays": rule.decays,
        "weights": rule.weights,
        "score": pool.choice.score,
        "square": pool.square,
        "shock": pool.shock,
        "starts": pool.starts,
        "blocks": pool.blocks,
        "align": pool.align,
    }
    arrays |= {"method": pool.choice.method, "tried": pool.choice.series}
    arrays |= {f"library {name}": part for name, part in pool.library._asdict().items()}
    arrays |= {f"terms {name}": part for name, part in kept.learned.terms._asdict().items()}
    arrays |= {f"ended {name}": part for name, part in kept.ended._asdict().items()}
    for layer, state in enumerate(kept.learned.states):
        arrays |= {f"drift {layer} {name}": part for name, part in state._asdict().items()}
    return arrays


def _texts(kept: Kept) -> Mapping[str, Sequence[str]]:
    """Return everything that is a text."""
    pool = kept.learned.pool
    boost = pool.boost or Boost((), ())
    return {
        "digest": [kept.digest],
        "items": kept.item_id.tolist(),
        "places": kept.location_id.tolist(),
        "models": boost.models,
        "features": boost.names,
        "note": [pool.choice.note],
    }


def _kept(arrays: Arrays, texts: Mapping[str, list[str]]) -> Kept:
    begun, fitted, seen, _ = (int(value) for value in arrays["times"])
    states = [DriftState(*(arrays[f"drift {n} {name}"] for name in DriftState._fields)) for n in range(2)]
    terms = Terms(*(arrays[f"terms {name}"] for name in Terms._fields))
    return Kept(
        texts["digest"][0],
        np.datetime64(begun, "D"),
        fitted,
        seen,
        np.array(texts["items"], dtype=object),
        np.array(texts["places"], dtype=object),
        arrays["group"],
        arrays["mark"],
        np.unpackbits(arrays["hasty"], count=len(arrays["mark"])).astype(bool),
        Learned(_pool(arrays, texts), terms, tuple(states)),
        Ended(*(arrays[f"ended {name}"] for name in Ended._fields)),
    )


def _pool(arrays: Arrays, texts: Mapping[str, list[str]]) -> Pool:
    """Return the pooled parameters; what follows from the date is empty until ``moved_on``."""
    shrinkage, *censoring = (float(value) for value in arrays["scalars"])
    nothing = np.zeros(0, dtype=np.int64)
    return Pool(
        profile=Profile(arrays["profile"], shrinkage, arrays["launch"]),
        drifts=(),
        rule=LevelRule(arrays["decays"], arrays["weights"], *censoring),
        boost=Boost(tuple(texts["models"]), tuple(texts["features"])) if texts["models"] else None,
        calendar=Calendar(nothing, False, np.zeros((0, 0), dtype=np.float32)),
        choice=Choice(arrays["method"], arrays["score"], arrays["tried"], texts["note"][0]),
        library=Library(*(arrays[f"library {name}"] for name in Library._fields)),
        square=arrays["square"],
        shock=arrays["shock"],
        starts=arrays["starts"],
        block=int(arrays["times"][3]),
        blocks=arrays["blocks"],
        weeks=nothing,
        align=arrays["align"],
    )
