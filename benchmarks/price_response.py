"""
Predict Dominick's orange juice sales at other prices: error of log units, and elasticities of the wrong sign.

    python -m benchmarks.price_response

83 stores x 11 brands; four times 16 weeks to learn and the 4 weeks after them to predict, at their known prices and
advertising. Beside ours: a line of its own for each store and brand, log units on log price. Appends to
benchmarks/records.csv; nothing gates.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd

from benchmarks.records import append_record, data_folder
from forecasting.elasticity import estimate
from forecasting.panel import Panel
from forecasting.price_tables import PriceHistory

FILE = "orangejuice_yx_until_week_130.csv.gz"
ORIGINS, LEARN, PREDICT = (70, 90, 110, 126), 16, 4
# Cartons are sold in lots of 64 ounces, which the units count.
OUNCES = 64.0


def juice() -> pd.DataFrame:
    """Return brand, store, week, log_units, log_price and feat."""
    table = pd.read_csv(data_folder("pricing") / FILE)
    prices = table[[f"price{brand}" for brand in range(1, 12)]].to_numpy()
    own = prices[np.arange(len(table)), table["brand"].to_numpy() - 1]
    names = {"logmove": "log_units"}
    return table.rename(columns=names).assign(log_price=np.log(own))[
        ["brand", "store", "week", "log_units", "log_price", "feat"]
    ]


def ours(learn: pd.DataFrame, ask: pd.DataFrame) -> tuple[pd.Series, tuple[int, int]]:
    """Return the error of log units in each row asked for, and the wrong signs before and after pooling."""
    panel, history, cells = panel_of(learn)
    response = estimate(panel, history, np.zeros(panel.series, np.int64))
    effect = pd.DataFrame({"slope": response.elasticity, "pull": response.pull}, index=cells)

    def lifted(rows: pd.DataFrame) -> pd.Series:
        own = effect.reindex(pd.MultiIndex.from_frame(rows[["brand", "store"]])).set_axis(rows.index)
        return own["slope"] * rows["log_price"] + own["pull"] * (rows["feat"] > 0)

    level = (learn["log_units"] - lifted(learn)).groupby([learn["brand"], learn["store"]]).mean()
    known = level.reindex(pd.MultiIndex.from_frame(ask[["brand", "store"]])).to_numpy()
    return ask["log_units"] - lifted(ask) - known, response.wrong_signs


def panel_of(rows: pd.DataFrame) -> tuple[Panel, PriceHistory, pd.MultiIndex]:
    weeks = range(int(rows["week"].min()), int(rows["week"].max()) + 1)
    rows = rows.assign(units=np.exp(rows["log_units"]))
    wide = {
        name: rows.pivot_table(index=["brand", "store"], columns="week", values=name).reindex(columns=weeks)
        for name in ("units", "log_price", "feat")
    }
    cells = wide["units"].index
    names = [np.array([f"{key[part]:03d}" for key in cells], object) for part in (0, 1)]
    units = wide["units"].to_numpy(float)
    dates = np.datetime64("1990-01-01") + 7 * np.arange(len(weeks))
    panel = Panel(*names, np.full(len(cells), OUNCES), units, np.ones(units.shape), dates, "week")
    price, promoted = np.exp(wide["log_price"].to_numpy(float)), np.nan_to_num(wide["feat"].to_numpy(float)) > 0
    return panel, PriceHistory(price, promoted), cells


def each_alone(learn: pd.DataFrame, ask: pd.DataFrame) -> tuple[pd.Series, tuple[int, int]]:
    """Return the errors of a least-squares line for each store and brand, and its wrong signs."""
    keys = ["brand", "store"]
    mean = learn.groupby(keys)[["log_price", "log_units"]].transform("mean")
    x, y = learn["log_price"] - mean["log_price"], learn["log_units"] - mean["log_units"]
    sums = pd.DataFrame({"xy": x * y, "xx": x * x, **learn[keys]}).groupby(keys)[["xy", "xx"]].sum()
    slope = (sums["xy"] / sums["xx"].where(sums["xx"] > 1e-9)).fillna(0.0)
    centre = learn.groupby(keys)[["log_price", "log_units"]].mean()
    index = pd.MultiIndex.from_frame(ask[keys])
    at = centre.reindex(index)
    moved = slope.reindex(index).to_numpy() * (ask["log_price"].to_numpy() - at["log_price"].to_numpy())
    wrong = int((slope > 0.0).sum())
    return ask["log_units"] - at["log_units"].to_numpy() - moved, (wrong, wrong)


def main() -> None:
    table = juice()
    for name, way in (("each alone", each_alone), ("ours", ours)):
        begin, errors, wrong, cells = time.perf_counter(), [], 0, 0
        for origin in ORIGINS:
            learn = table[(table["week"] >= origin - LEARN) & (table["week"] < origin)]
            ask = table[(table["week"] >= origin) & (table["week"] < origin + PREDICT)]
            error, signs = way(learn, ask)
            errors.append(float(np.sqrt((error.dropna() ** 2).mean())))
            wrong, cells = wrong + signs[1], cells + learn.groupby(["brand", "store"]).ngroups
        seconds = time.perf_counter() - begin
        print(f"{name:>11}: error {np.mean(errors):.4f} ({', '.join(f'{e:.3f}' for e in errors)})"
              f"  wrong signs {wrong / cells:.2%}  {seconds:.1f} s")  # fmt: skip
        append_record(f"price response of orange juice, {name}", seconds, objective=float(np.mean(errors)))


if __name__ == "__main__":
    main()
