"""The company's web customers: what they ordered in the last weeks, and the orders that should not be believed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from scenarios.demo.company import FIRST_DAY, Company
from scenarios.demo.history import History

FloatArray = npt.NDArray[np.float64]

CUSTOMERS = 240
_DAYS = 56
_LINES_A_DAY = 60
_FRAUDS, _FRESH_FRAUDS, _BULKS, _CANCELLED = 14, 3, 4, 12
# Days after which a fraud is known.
_LABEL_DELAY = 10


@dataclass(frozen=True)
class CustomerOrders:
    """Tables customers, transactions, fraud_labels, review_queues; the truth of each order; and what sales gained.

    booked: units that false, bulk and cancelled orders added to the sales of each pair and day, shape (pairs, days)
    """

    tables: Mapping[str, pd.DataFrame]
    truth: pd.DataFrame
    booked: FloatArray


def customer_orders(company: Company, history: History, seed: int) -> CustomerOrders:
    """Return the web orders of the last eight weeks; the same company and seed give the same orders."""
    people, ordinary, odd = np.random.default_rng([seed, 2]).spawn(3)
    customers = _customers(company, people)
    rows = list(_ordinary(company, history, customers, ordinary))
    rows += list(_odd(company, customers, odd))
    lines = pd.DataFrame(rows).sort_values(["ordered_at", "order_id", "line"], kind="stable").reset_index(drop=True)
    booked = np.zeros((len(company.pairs), company.size.days))
    extra = lines[lines["truth"] != "ordinary"]
    np.add.at(booked, (extra["pair"].to_numpy(int), extra["day"].to_numpy(int)), extra["units"].to_numpy(float))
    truth = lines.drop_duplicates("order_id")[["order_id", "truth"]]
    lines = pd.concat([lines, _cancellations(lines)], ignore_index=True)
    tables = {
        "customers": customers,
        "transactions": lines.drop(columns=["pair", "day", "truth"]),
        "fraud_labels": _labels(company, truth, lines),
        "review_queues": pd.DataFrame(
            {"queue": ["web"], "minutes_per_day": [30], "minutes_per_review": [6], "cost_per_minute": [0.5]}
        ),
    }
    return CustomerOrders(tables, truth, np.maximum(booked, 0))


def _customers(company: Company, rng: np.random.Generator) -> pd.DataFrame:
    centre = company.locations[["lat", "lon"]].mean()
    return pd.DataFrame(
        {
            "customer_id": [f"C{n + 1:04d}" for n in range(CUSTOMERS)],
            "lat": np.round(centre["lat"] + rng.normal(0, 0.05, CUSTOMERS), 5),
            "lon": np.round(centre["lon"] + rng.normal(0, 0.1, CUSTOMERS), 5),
            "group": rng.choice(["north", "south"], CUSTOMERS),
            "name": [f"Customer {n + 1}" for n in range(CUSTOMERS)],
            "address": [f"Street {n % 40 + 1}, {n // 40 + 1}" for n in range(CUSTOMERS)],
        }
    )


def _moment(day: int, rng: np.random.Generator) -> str:
    when = datetime.combine(FIRST_DAY + timedelta(days=day), time(8)) + timedelta(minutes=int(rng.integers(0, 720)))
    return when.isoformat()


def _ordinary(
    company: Company, history: History, customers: pd.DataFrame, rng: np.random.Generator
) -> Iterator[dict[str, object]]:
    """Yield the lines of ordinary orders: a part of what each place sold that day, a few lines to a basket."""
    last = company.size.days
    step = company.items.set_index("item_id")["unit_step"].reindex(company.pairs["item_id"]).to_numpy()
    place = company.pairs["location_id"].to_numpy()
    for day in range(max(last - _DAYS, 0), last):
        sold = np.flatnonzero(history.sold[:, day] >= 1)
        chosen = rng.permutation(sold)[:_LINES_A_DAY]
        number = 0
        for name in sorted(set(place[chosen])):
            here = chosen[place[chosen] == name]
            for basket in np.array_split(here, max(len(here) // 3, 1)):
                number += 1
                head = _head(day, number, customers, rng)
                for n, pair in enumerate(basket):
                    units = max(np.floor(history.sold[pair, day] * rng.uniform(0.1, 0.4) / step[pair]), 1) * step[pair]
                    yield {**head, "line": n + 1, **_line(company, pair, day, float(units)), "truth": "ordinary"}


def _head(day: int, number: int, customers: pd.DataFrame, rng: np.random.Generator) -> dict[str, object]:
    customer = int(rng.integers(0, len(customers) - 20))
    return {
        "order_id": f"W{day:04d}-{number:03d}",
        "ordered_at": _moment(day, rng),
        "customer_id": customers["customer_id"].iloc[customer],
        "channel": "web",
        "payment": str(rng.choice(["card", "invoice"], p=[0.8, 0.2])),
        "device": f"D{customer:04d}",
    }


def _line(company: Company, pair: int, day: int, units: float) -> dict[str, object]:
    price = float(company.price[pair, day])
    return {
        "item_id": company.pairs["item_id"].iloc[pair],
        "location_id": company.pairs["location_id"].iloc[pair],
        "units": round(units, 3),
        "unit_price": price,
        "amount": round(price * units, 2),
        "currency": "EUR",
        "pair": pair,
        "day": day,
    }


def _odd(company: Company, customers: pd.DataFrame, rng: np.random.Generator) -> Iterator[dict[str, object]]:
    """Yield frauds (new customers, shared devices, many units), honest bulk orders, and orders cancelled next day."""
    last = company.size.days
    kinds = ["fraud"] * _FRAUDS + ["fresh"] * _FRESH_FRAUDS + ["bulk"] * _BULKS + ["cancelled"] * _CANCELLED
    for n, kind in enumerate(kinds):
        day = last - 1 if kind == "fresh" else int(rng.integers(max(last - _DAYS, 0), last - 1))
        pair = int(rng.integers(len(company.pairs)))
        usual = company.mean[pair, :last].mean()
        units = float(np.ceil(max(usual * rng.uniform(12, 30), 12)))
        fraud = kind in {"fraud", "fresh"}
        customer = len(customers) - 20 + int(rng.integers(0, 20)) if fraud else int(rng.integers(0, 40))
        yield {
            "order_id": f"X{day:04d}-{n:03d}",
            "line": 1,
            "ordered_at": _moment(day, rng),
            "customer_id": customers["customer_id"].iloc[customer],
            "channel": "web",
            "payment": "card" if fraud else "invoice",
            "device": f"DX{int(rng.integers(0, 3))}" if fraud else f"D{customer:04d}",
            **_line(company, pair, day, units),
            "truth": "fraud" if fraud else kind,
        }


def _cancellations(lines: pd.DataFrame) -> pd.DataFrame:
    """Return a row that takes back each cancelled order a day later."""
    gone = lines[lines["truth"] == "cancelled"].copy()
    gone["cancels_order_id"], gone["cancels_line"] = gone["order_id"], gone["line"]
    gone["order_id"] = "R" + gone["order_id"]
    gone["units"], gone["amount"] = -gone["units"], -gone["amount"]
    later = pd.to_datetime(gone["ordered_at"]) + pd.Timedelta(days=1)
    gone["ordered_at"] = later.dt.strftime("%Y-%m-%dT%H:%M:%S")
    return gone


def _labels(company: Company, truth: pd.DataFrame, lines: pd.DataFrame) -> pd.DataFrame:
    """Return what is known on the plan date: the label of each order old enough."""
    day = lines.drop_duplicates("order_id").set_index("order_id")["day"]
    known = truth.assign(day=truth["order_id"].map(day))
    known = known[known["day"] + _LABEL_DELAY < company.size.days]
    moments = [FIRST_DAY + timedelta(days=int(number) + _LABEL_DELAY) for number in known["day"]]
    return pd.DataFrame({"order_id": known["order_id"], "is_fraud": known["truth"] == "fraud", "known_at": moments})
