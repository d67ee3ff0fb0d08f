"""Random numbers that depend on a series' ids alone, never on its place in a table or on the worker."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
from numba import njit

from forecasting.panel import Names

Keys = npt.NDArray[np.uint64]


def series_keys(item_id: Names, location_id: Names, seed: int) -> Keys:
    """Return one 64-bit key per series from its ids and the seed (BLAKE2b)."""
    salt = int(seed).to_bytes(16, "little", signed=True)
    digests = [
        hashlib.blake2b(f"{item}\0{place}".encode(), digest_size=8, salt=salt).digest()
        for item, place in zip(item_id, location_id, strict=True)
    ]
    return np.frombuffer(b"".join(digests), dtype=np.uint64).copy()


@njit(cache=True)  # type: ignore[untyped-decorator]
def uniform(key: np.uint64, counter: int) -> float:
    """Return the ``counter``-th uniform of a key, in (0, 1): SplitMix64 (Steele, Lea, Flood 2014)."""
    z = key + np.uint64(counter + 1) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return (float(z >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)
