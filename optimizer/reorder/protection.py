"""What demand each order must cover: from its day to the arrival of the next order."""

from __future__ import annotations

import numpy as np

from optimizer.reorder.lines import Array, Lines, compiled


@compiled
def protection(lines: Lines) -> tuple[Array, Array, Array, Array]:
    """Mean and deviation of the demand that the order of each period must cover, mean demand per period, review time.

    The order of period t covers t up to the arrival of the next one. Past the horizon demand goes on at its mean rate
    and its variance per period. Late deliveries lengthen the wait by their rounded mean and add their variance times
    the squared rate (Hadley and Whitin 1963, section 3-4). What is already on order and due in that time is taken off
    the mean.
    """
    count, paths, periods = lines.demand.shape
    mean, deviation = np.zeros((count, periods + 1)), np.zeros((count, periods + 1))
    rate, review = np.zeros(count), np.zeros(count)
    total = np.zeros((periods + 1, paths))
    for n in range(count):
        gap = _review_time(lines.can_order[n])
        for t in range(periods):
            for s in range(paths):
                total[t + 1, s] = total[t, s] + lines.demand[n, s, t]
        rate[n], spread = _moments(total[periods], total[0], lines.weight)
        rate[n] /= periods
        late, uncertain = _delay(lines.delay[n], lines.weight)
        review[n] = gap
        for t in range(periods + 1):
            following = t + 1
            while following < periods and not lines.can_order[n, following]:
                following += 1
            end = (following if following < periods else t + gap) + lines.lead[n] + late
            inside = max(t, min(end, periods))
            part, variance = _moments(total[inside], total[t], lines.weight)
            for due in range(t + 1, inside):
                part -= lines.arrivals[n, due]
            mean[n, t] = part + (end - inside) * rate[n]
            deviation[n, t] = np.sqrt(variance + (end - inside) * spread / periods + rate[n] ** 2 * uncertain)
    return mean, deviation, rate, review


@compiled
def _delay(delay: Array, weight: Array) -> tuple[int, float]:
    """Give the rounded mean and variance of the delay over the paths."""
    mean, square = 0.0, 0.0
    for s in range(weight.size):
        mean += weight[s] * delay[s]
        square += weight[s] * delay[s] * delay[s]
    return int(np.floor(mean + 0.5)), max(square - mean * mean, 0.0)


@compiled
def _review_time(can_order: Array) -> int:
    """Usual number of periods from one order day to the next."""
    days = 0
    for one in can_order:
        days += one
    return max(1, (can_order.size + days // 2) // max(1, days))


@compiled
def _moments(upper: Array, lower: Array, weight: Array) -> tuple[float, float]:
    mean, variance = 0.0, 0.0
    for s in range(weight.size):
        mean += weight[s] * (upper[s] - lower[s])
    for s in range(weight.size):
        variance += weight[s] * (upper[s] - lower[s] - mean) ** 2
    return mean, variance
