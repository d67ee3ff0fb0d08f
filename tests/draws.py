"""Random cells of random companies, and tables of rows."""

import datetime

import numpy as np


class Draw:
    """Random cells; days are counted from `first`."""

    first: datetime.date

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def pick(self, *values):
        return values[self.random.integers(len(values))]

    def day(self, low, high):
        return self.first + datetime.timedelta(days=int(self.random.integers(low, high)))

    def count(self, most):
        return range(self.random.integers(0, most))


def table(columns, rows):
    return columns + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
