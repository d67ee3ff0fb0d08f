"""The step with which a group, taking the cheapest steps first, reaches what it needs (compiled)."""

from __future__ import annotations

import numpy as np

from optimizer.reorder.lines import Array, compiled

_MARGIN = 1e-12


@compiled
def _selected(slope: Array, size: Array, needed: float) -> float:
    """Slope of the step that reaches `needed`, smallest slopes first; the largest where all do not suffice.

    A weighted selection: only the side of the pivot on which that step lies is looked at again. Both arrays are sorted
    in part on the way.
    """
    low, high, pivot = 0, slope.size, 0.0
    while low < high:
        first, middle, last = slope[low], slope[(low + high) // 2], slope[high - 1]
        pivot = max(min(first, middle), min(max(first, middle), last))
        less, at, greater, below, equal = low, low, high, 0.0, 0.0
        while at < greater:
            if slope[at] < pivot:
                below += size[at]
                slope[less], slope[at] = slope[at], slope[less]
                size[less], size[at] = size[at], size[less]
                less, at = less + 1, at + 1
            elif slope[at] > pivot:
                greater -= 1
                slope[greater], slope[at] = slope[at], slope[greater]
                size[greater], size[at] = size[at], size[greater]
            else:
                equal += size[at]
                at += 1
        if less > low and below >= needed:
            high = less
        elif below + equal >= needed:
            break
        else:
            needed -= below + equal
            low = greater
    return float(pivot)


@compiled
def marginal(slope: Array, size: Array, group: Array, needed: Array) -> Array:
    """Slope of the step with which each group, taking the smallest slopes first, reaches `needed`, shape (G,).

    Steps of a `group` below 0 are left out. The largest slope where all steps do not suffice, 0 without any step.
    """
    begin = np.zeros(needed.size + 1, dtype=np.int64)
    for k in range(group.size):
        if group[k] >= 0:
            begin[group[k] + 1] += 1
    begin = np.cumsum(begin)
    place, slopes, sizes = begin.copy(), np.zeros(begin[-1]), np.zeros(begin[-1])
    for k in range(group.size):
        g = group[k]
        if g >= 0:
            slopes[place[g]], sizes[place[g]] = slope[k], size[k]
            place[g] += 1
    price = np.zeros(needed.size)
    for g in range(needed.size):
        part = slice(begin[g], begin[g + 1])
        if begin[g + 1] > begin[g]:
            price[g] = _selected(slopes[part], sizes[part], needed[g] * (1.0 - _MARGIN))
    return price


@compiled
def weighed(steps: tuple[Array, Array, Array], line_rows: tuple[Array, Array, Array], groups: int) -> tuple[Array, ...]:
    """Give cost per weight, weight and group (-1 where it adds no weight) of each step, (K,); savings and reach (G,).

    `steps` are line, size and slope; `line_rows` are group, weight of a step of one, and tax of each line, (N,).
    """
    line, size, slope = steps
    supplier, weight, tax = line_rows
    ratio, adds, group = np.zeros(line.size), np.zeros(line.size), np.full(line.size, -1)
    savings, reach = np.zeros(groups), np.zeros(groups)
    for k in range(line.size):
        n = line[k]
        g = supplier[n]
        if g < 0:
            continue
        cost, adds[k] = (slope[k] + tax[n]) * size[k], weight[n] * size[k]
        savings[g] += max(-cost, 0.0)
        reach[g] += adds[k]
        if adds[k] > 0.0:
            ratio[k], group[k] = cost / adds[k], g
    return ratio, adds, group, savings, reach
