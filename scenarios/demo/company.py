"""The invented company: its goods, places and terms, and how much is really wanted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]

FIRST_DAY = date(2023, 10, 2)
# Days of truth kept past the plan date, so that plans can be judged.
FUTURE_DAYS = 60


@dataclass(frozen=True)
class Size:
    """How large a company: items, stores (a dc comes on top) and days of history."""

    items: int = 60
    stores: int = 4
    days: int = 420


@dataclass(frozen=True)
class Category:
    """What the goods of a category have in common; the weekday profile begins on Monday."""

    nouns: tuple[str, ...]
    step: float
    cost: float
    volume_l: float
    weight_kg: float
    shelf_life_days: int | None
    weekday: tuple[float, ...]
    yearly: float
    peak_day: int


CATEGORIES: Mapping[str, Category] = MappingProxyType(
    {
        "drinks": Category(
            ("Lemonade", "Green tea", "Still water", "Apple juice"),
            1.0,
            0.9,
            1.1,
            1.1,
            None,
            (0.8, 0.8, 0.9, 1.0, 1.3, 1.4, 0.8),
            0.35,
            200,
        ),
        "dairy": Category(
            ("Milk", "Yoghurt", "Butter", "Gouda"), 1.0, 1.2, 0.8, 0.8, 14, (1.0, 0.9, 0.9, 1.0, 1.2, 1.3, 0.7), 0.05, 0
        ),
        "produce": Category(
            ("Apples", "Tomatoes", "Grapes", "Carrots"),
            0.1,
            1.6,
            1.6,
            1.0,
            7,
            (0.9, 0.9, 0.9, 1.0, 1.3, 1.4, 0.6),
            0.2,
            180,
        ),
        "household": Category(
            ("Washing powder", "Dish soap", "Paper towels", "Candles"),
            1.0,
            2.8,
            3.0,
            1.5,
            None,
            (1.0, 1.0, 1.0, 1.0, 1.1, 1.2, 0.7),
            0.0,
            0,
        ),
        "sweets": Category(
            ("Milk chocolate", "Fruit gums", "Biscuits", "Gingerbread"),
            1.0,
            1.1,
            0.4,
            0.25,
            None,
            (0.9, 0.9, 0.9, 1.0, 1.2, 1.3, 0.8),
            0.3,
            350,
        ),
    }
)


@dataclass(frozen=True)
class Company:
    """The invented tables, and the truth.

    items, locations: frames as in tables.toml, items with the true columns base_rate (units a day in a mean store),
        elasticity and dispersion
    price, promoted, mean, demand: by pair (store-items, in the order of `pairs`) and day, history first, then the
        future, shape (pairs, days + FUTURE_DAYS); price in money, mean and demand in units
    """

    size: Size
    items: pd.DataFrame
    locations: pd.DataFrame
    pairs: pd.DataFrame
    days: npt.NDArray[np.datetime64]
    price: FloatArray
    promoted: npt.NDArray[np.bool_]
    mean: FloatArray
    demand: FloatArray

    @property
    def plan_date(self) -> date:
        """First day after the history."""
        return day_of(self.size.days)

    @property
    def item_of_pair(self) -> npt.NDArray[np.int64]:
        """Row of each pair's item in `items`, shape (pairs,)."""
        return np.repeat(np.arange(len(self.items)), len(self.pairs) // len(self.items))

    @property
    def usual_week(self) -> FloatArray:
        """What is usually wanted of each pair in a week, units, shape (pairs,)."""
        return np.asarray(self.mean[:, : self.size.days].mean(axis=1) * 7)


def day_of(number: int) -> date:
    """Return the date of a day counted from the first of the history."""
    return FIRST_DAY + timedelta(days=number)


def invent(size: Size, seed: int) -> Company:
    """Return a company; the same size and seed give the same one. Raises ValueError for a size too small to plan."""
    if size.items < 1 or size.stores < 1 or size.days < 28:
        raise ValueError(f"a company needs at least 1 item, 1 store and 28 days, not {size}")
    goods, places, prices, wants = np.random.default_rng(seed).spawn(4)
    items, locations = _items(size, goods), _locations(size, places)
    stores = locations[locations["kind"] == "store"]
    pairs = items[["item_id"]].merge(stores[["location_id"]], how="cross")
    days = np.datetime64(FIRST_DAY) + np.arange(size.days + FUTURE_DAYS)
    per_pair = items.set_index("item_id").reindex(pairs["item_id"])
    price, promoted = _prices(size, items, days, prices)
    rows = np.repeat(np.arange(size.items), len(stores))
    price, promoted = price[rows], promoted[rows]
    mean = _mean_demand(per_pair, stores, price, days, wants)
    demand = _demand(per_pair, mean, wants)
    return Company(size, items, locations, pairs, days, price, promoted, mean, demand)


def _items(size: Size, rng: np.random.Generator) -> pd.DataFrame:
    names = list(CATEGORIES)
    rows = []
    for n in range(size.items):
        category = CATEGORIES[names[n % len(names)]]
        noun = category.nouns[(n // len(names)) % len(category.nouns)]
        cost = round(category.cost * float(rng.lognormal(0, 0.35)), 2)
        rows.append(
            {
                "item_id": f"{n + 1:04d}",
                "name": f"{noun} {n // (len(names) * len(category.nouns)) + 1}",
                "category": names[n % len(names)],
                "brand": f"Brand {'ABCDEFG'[int(rng.integers(7))]}",
                "unit_step": category.step,
                "unit_cost": cost,
                "list_price": round(cost * float(rng.uniform(1.35, 1.9)), 2),
                "volume_l": category.volume_l,
                "weight_kg": category.weight_kg,
                "shelf_life_days": category.shelf_life_days,
                "salvage_value": round(cost * 0.1, 2),
                # A few fast movers, many slow ones, a tail that sells now and then.
                "base_rate": float(np.clip(rng.lognormal(0.6, 1.35), 0.03, 60)),
                "elasticity": float(rng.uniform(-3.2, -1.2)),
                "dispersion": float(rng.uniform(2.0, 8.0)),
            }
        )
    return pd.DataFrame(rows)


def _locations(size: Size, rng: np.random.Generator) -> pd.DataFrame:
    count = size.stores + 1
    return pd.DataFrame(
        {
            "location_id": ["DC1", *[f"S{n + 1:02d}" for n in range(size.stores)]],
            "name": ["Distribution centre", *[f"Store {n + 1}" for n in range(size.stores)]],
            "kind": ["dc", *["store"] * size.stores],
            "lat": np.round(60.17 + rng.normal(0, 0.06, count), 5),
            "lon": np.round(24.94 + rng.normal(0, 0.12, count), 5),
            "region": "south",
            "scale": [0.0, *np.round(rng.lognormal(0, 0.35, size.stores), 3)],
        }
    )


def _prices(
    size: Size, items: pd.DataFrame, days: npt.NDArray[np.datetime64], rng: np.random.Generator
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Return price and promotion by item and day: two changes of the regular price, a week's promotion now and then."""
    price = np.repeat(items["list_price"].to_numpy()[:, None], len(days), axis=1)
    promoted = np.zeros(price.shape, bool)
    for n in range(size.items):
        for day in rng.integers(30, len(days), 2):
            price[n, day:] = np.round(price[n, day:] * rng.choice([0.95, 1.05, 1.1]), 2)
        for monday in range(0, len(days) - 6, 7):
            if rng.random() < 0.06:
                price[n, monday : monday + 7] = np.round(price[n, monday : monday + 7] * rng.choice([0.7, 0.8]), 2)
                promoted[n, monday : monday + 7] = True
    return price, promoted


def _mean_demand(
    per_pair: pd.DataFrame,
    stores: pd.DataFrame,
    price: FloatArray,
    days: npt.NDArray[np.datetime64],
    rng: np.random.Generator,
) -> FloatArray:
    """Return rate × store × weekday × season × (price ÷ list price)^elasticity × weeks shared by a category."""
    weekday = (days.astype(np.int64) + 3) % 7
    year_day = (days - days.astype("datetime64[Y]")).astype(np.int64)
    scale = np.tile(stores["scale"].to_numpy(), len(per_pair) // len(stores))
    mean = np.outer(per_pair["base_rate"].to_numpy() * scale, np.ones(len(days)))
    names = per_pair["category"].to_numpy()
    for name, category in CATEGORIES.items():
        season = 1 + category.yearly * np.cos(2 * np.pi * (year_day - category.peak_day) / 365)
        weeks = np.repeat(rng.lognormal(0, 0.08, len(days) // 7 + 1), 7)[: len(days)]
        mean[names == name] *= np.array(category.weekday)[weekday] * season * weeks
    relative = price / per_pair["list_price"].to_numpy()[:, None]
    return np.asarray(mean * relative ** per_pair["elasticity"].to_numpy()[:, None])


def _demand(per_pair: pd.DataFrame, mean: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return negative-binomial demand on each item's unit step, in units."""
    shape = per_pair["dispersion"].to_numpy()[:, None]
    step = per_pair["unit_step"].to_numpy()[:, None]
    steps = rng.poisson(mean / step * rng.gamma(shape, 1 / shape, mean.shape))
    return np.asarray(np.round(steps * step, 3))
