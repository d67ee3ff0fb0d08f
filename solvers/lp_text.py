"""A sealed model as readable LP text, for golden files and for looking at."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from solvers.model import SealedModel, Vector

_TERMS_PER_LINE = 8


def lp_text(model: SealedModel) -> str:
    """Write a model in the CPLEX LP format with the names of its families; for small models only.

    A row with two different finite bounds becomes two rows, the second named `..._upper`.
    """
    names = [model.column_name(column) for column in range(model.columns)]
    lines = ["Minimize", *_expression("cost", range(model.columns), model.cost, names), "Subject To"]
    lines += [text for row in _rows(model, names) for text in row]
    lines += ["Bounds", *_bounds(model, names)]
    if model.integer.any():
        lines += ["General", *(f" {names[column]}" for column in np.flatnonzero(model.integer))]
    return "\n".join([*lines, "End", ""])


def _rows(model: SealedModel, names: list[str]) -> Iterator[list[str]]:
    matrix = model.matrix().tocsr()
    for row in range(model.rows):
        entries = slice(matrix.indptr[row], matrix.indptr[row + 1])
        columns, values = matrix.indices[entries].tolist(), matrix.data[entries]
        for suffix, sense, bound in _sides(model.row_lower[row], model.row_upper[row]):
            text = _expression(model.row_name(row) + suffix, columns, values, names)
            yield [*text[:-1], f"{text[-1]} {sense} {_number(bound)}"]


def _sides(lower: float, upper: float) -> list[tuple[str, str, float]]:
    if lower == upper:
        return [("", "=", lower)]
    sides = [("", ">=", lower)] if np.isfinite(lower) else []
    if np.isfinite(upper):
        sides.append(("_upper" if sides else "", "<=", upper))
    return sides


def _expression(name: str, columns: range | list[int], values: Vector, names: list[str]) -> list[str]:
    terms = [f"{_signed(value)} {names[column]}" for column, value in zip(columns, values, strict=True) if value]
    terms = terms or [f"0 {names[0]}"]
    chunks = [" ".join(terms[at : at + _TERMS_PER_LINE]) for at in range(0, len(terms), _TERMS_PER_LINE)]
    return [f" {name}: {chunks[0]}", *(f"  {chunk}" for chunk in chunks[1:])]


def _bounds(model: SealedModel, names: list[str]) -> Iterator[str]:
    for name, lower, upper in zip(names, model.lower, model.upper, strict=True):
        if (lower, upper) != (0.0, np.inf):
            yield f" {_number(lower)} <= {name} <= {_number(upper)}"


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'} {_number(abs(value))}"


def _number(value: float) -> str:
    return f"{value:+g}" if np.isinf(value) else f"{value:.12g}"
