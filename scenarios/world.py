"""World: the checked, frozen, hashed tables of one planning day."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from scenarios.faults import Fault
from scenarios.periods import Periods
from scenarios.policy import Policy
from scenarios.schema import TEXT_TYPES, Table, declared


def _sorted_dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    """Return the column dictionary-encoded with its dictionary in text order and no unused entry."""
    plain = column.combine_chunks()
    if pa.types.is_dictionary(plain.type):
        plain = plain.dictionary_decode()
    encoded = plain.cast(pa.string()).dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    rank = np.empty(len(order), np.int32)
    rank[order] = np.arange(len(order), dtype=np.int32)
    missing = np.asarray(encoded.indices.is_null())
    codes = np.asarray(encoded.indices.fill_null(0)).astype(np.int32)
    codes = rank[codes] if len(rank) else codes
    indices = pa.array(codes, pa.int32(), mask=missing)
    return pa.DictionaryArray.from_arrays(indices, encoded.dictionary.take(pa.array(order)))


def _sortable(column: pa.Array) -> npt.NDArray[Any]:
    if pa.types.is_dictionary(column.type):
        return np.asarray(column.indices.fill_null(-1)).astype(np.int64)
    if pa.types.is_date32(column.type):
        return np.asarray(column.cast(pa.int32()).fill_null(-(2**31))).astype(np.int64)
    if pa.types.is_floating(column.type):
        return np.asarray(column.fill_null(-np.inf))
    if pa.types.is_string(column.type):
        return np.asarray(column.fill_null(""), object).astype(str)
    return np.asarray(column.cast(pa.int64()).fill_null(-(2**62)))


def canonical(table: Table, data: pa.Table) -> pa.Table:
    """Return `data` in the memory form of `table`: declared columns and types, rows sorted by key.

    The result does not depend on the order of the rows. Absent columns are filled with their default, or with nulls.
    """
    columns = {}
    for column in table.columns:
        if column.name not in data.column_names:
            filled = pa.scalar(column.default, _plain(column.arrow_type))
            values = pa.chunked_array([pa.repeat(filled, data.num_rows)])
        else:
            values = data[column.name]
        coded = column.type in TEXT_TYPES
        columns[column.name] = _sorted_dictionary(values) if coded else values.cast(column.arrow_type).combine_chunks()
    keys = [_sortable(_one(columns[name])) for name in table.key]
    ordered = pa.table(columns)
    if not keys or _is_sorted(keys):
        return ordered
    return ordered.take(pa.array(np.lexsort(keys[::-1]))).combine_chunks()


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) else kind


def _one(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _is_sorted(keys: list[npt.NDArray[Any]]) -> bool:
    undecided = np.ones(max(len(keys[0]) - 1, 0), bool)
    for key in keys:
        if (key[1:][undecided] < key[:-1][undecided]).any():
            return False
        undecided &= key[1:] == key[:-1]
    return True


@dataclass(frozen=True)
class World:
    """The tables of one planning day, checked and never changed.

    tables: by name, each a pyarrow.Table in the memory form of `canonical`; a table not given is absent
    given: (table, column) pairs that came from a file, as opposed to defaults
    quarantine: rows refused on the way in
    notices: what a reader should know about the files, in words
    assumptions: what an importer had to assume, the points of the folder's ASSUMPTIONS.md
    """

    tables: Mapping[str, pa.Table]
    policy: Policy
    plan_date: date
    given: frozenset[tuple[str, str]] = frozenset()
    quarantine: tuple[Fault, ...] = ()
    notices: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    _frames: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", MappingProxyType(dict(self.tables)))

    @property
    def period(self) -> str:
        """Kind of the planning period, "day" or "week"."""
        return self.policy.period

    @property
    def periods(self) -> Periods:
        """Arithmetic of the planning period."""
        return Periods(self.policy.period)

    def has(self, name: str) -> bool:
        """Return whether the table was given and holds rows."""
        return name in self.tables and self.tables[name].num_rows > 0

    def table(self, name: str) -> pa.Table:
        """Return a table sorted by its key; an absent one without rows. KeyError for an undeclared name."""
        return self.tables[name] if name in self.tables else declared()[name].empty()

    def frame(self, name: str) -> pd.DataFrame:
        """Return a table as a fresh DataFrame, text columns as plain objects; for tables small enough for pandas."""
        if name not in self._frames:
            self._frames[name] = plain_frame(self.table(name))
        return self._frames[name].copy()

    def replace(self, policy: Policy | None = None, plan_date: date | None = None, **tables: pa.Table) -> "World":
        """Return a copy with the named tables, policy or plan date exchanged; the tables are brought to memory form."""
        fresh = {name: canonical(declared()[name], data) for name, data in tables.items()}
        return replace(
            self,
            tables={**self.tables, **fresh},
            policy=policy or self.policy,
            plan_date=plan_date or self.plan_date,
            given=self.given | {(name, column) for name, data in tables.items() for column in data.column_names},
            _frames={},
        )

    @cached_property
    def hash(self) -> str:
        """SHA-256 of everything a plan depends on: tables, policy, plan date; the same for any order of input rows."""
        return self.hash_without(frozenset())

    def hash_without(self, left_out: frozenset[str]) -> str:
        """Return the hash without the named tables and keys of the policy."""
        policy = sorted((key, value) for key, value in asdict(self.policy).items() if key not in left_out)
        digest = hashlib.sha256(repr((policy, self.plan_date)).encode())
        for name in sorted(set(self.tables) - left_out):
            digest.update(name.encode())
            for column in self.tables[name].column_names:
                _feed(digest, column, _one(self.tables[name][column]))
        return digest.hexdigest()


def from_frame(table: Table, frame: pd.DataFrame) -> pa.Table:
    """Return a frame with the columns of a table as plain Arrow columns of their types."""
    columns = {c.name: pa.array(frame[c.name].tolist(), _plain(c.arrow_type), from_pandas=True) for c in table.columns}
    return pa.table(columns)


def plain_frame(data: pa.Table) -> pd.DataFrame:
    """Return a table as a DataFrame, text columns as plain objects and dates as dates."""
    plain = {name: _decoded(data[name]) for name in data.column_names}
    return cast(pd.DataFrame, pa.table(plain).to_pandas(date_as_object=True))


def rows_of(frame: pd.DataFrame) -> Iterator[Any]:
    """Yield the rows of a frame as tuples with the columns as fields."""
    return iter(frame.itertuples())


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _feed(digest: "hashlib._Hash", name: str, column: pa.Array) -> None:
    digest.update(f"|{name}|{len(column)}|".encode())
    digest.update(np.packbits(np.asarray(column.is_null())).tobytes())
    if pa.types.is_dictionary(column.type):
        digest.update("\0".join(column.dictionary.to_pylist()).encode())
        digest.update(np.asarray(column.indices.fill_null(-1)).tobytes())
    elif pa.types.is_string(column.type):
        digest.update("\0".join(str(value) for value in column.to_pylist()).encode())
    else:
        digest.update(np.asarray(column.fill_null(_zero(column.type))).tobytes())


def _zero(kind: pa.DataType) -> pa.Scalar:
    if pa.types.is_boolean(kind):
        return pa.scalar(False)
    return (
        pa.scalar(0, pa.int64()).cast(kind) if pa.types.is_timestamp(kind) else pa.scalar(0).cast(pa.int32()).cast(kind)
    )
