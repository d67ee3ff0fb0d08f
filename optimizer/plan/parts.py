"""What the rooms of a day hand in, gathered until all of it is written at once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa

from optimizer.plan.exceptions import ExceptionRow
from optimizer.plan.record import Record


@dataclass
class Parts:
    """Tables by name, proofs by decision, and the rows that several rooms add to one of them."""

    tables: dict[str, pa.Table | pd.DataFrame] = field(default_factory=dict)
    proofs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    exceptions: list[ExceptionRow] = field(default_factory=list)
    state: dict[str, pa.Table] = field(default_factory=dict)
    horizon: int = 0
    _shared: dict[str, list[pd.DataFrame]] = field(default_factory=dict)

    def add(self, tables: Mapping[str, pa.Table | pd.DataFrame], exceptions: Iterable[ExceptionRow] = ()) -> None:
        """Take the tables of a room in; some tables have rows of several rooms."""
        for name, table in tables.items():
            if name in _SHARED and isinstance(table, pd.DataFrame):
                self._shared.setdefault(name, []).append(table)
                self.tables[name] = _joined(self._shared[name])
            else:
                self.tables[name] = table
        self.exceptions += exceptions

    def add_all(
        self,
        tables: Iterable[Mapping[str, pa.Table | pd.DataFrame]],
        proofs: Mapping[str, Mapping[str, Any]],
        exceptions: Iterable[ExceptionRow],
    ) -> None:
        """Take in several decisions of one room with their proofs."""
        for some in tables:
            self.add(some)
        for decision, proof in proofs.items():
            self.prove(decision, proof)
        self.exceptions += exceptions

    def prove(self, decision: str, proof: Mapping[str, Any] | None) -> None:
        """Take in the proof of a decision; nothing where nothing was decided."""
        if proof:
            self.proofs[decision] = proof

    def record(self, wanted: str, **settled: Any) -> Record:
        """Return all of it, with what was settled beforehand."""
        return Record(
            wanted, self.tables, self.proofs, self.exceptions, horizon=self.horizon, state=self.state, **settled
        )


_SHARED = frozenset({"costs", "explanations", "price_changes"})


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
