r"""
Items that never sold: what is like them.

Such an item is expected to sell at a place what the items of its category sell there, those like it in name and price
counting most: with c the cosine of the names' tf-idf vectors (groups of three to five letters; Salton and Buckley 1988)
and p list prices,

    w_ij = (n_0 + c_ij)^2 exp(-|log(p_i / p_j)| / b),   prior_i = sum_j w_ij mean_j / sum_j w_ij

It enters the level as a first observation of weight 1, so every day sold moves it towards the item's own.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from forecasting.panel import Floats, Panel, SalesWorld
from forecasting.profiles import in_stock

# Weight of a name without a letter in common, and the distance of log prices at which a weight falls to a third.
PLAIN_NAME = 0.1
PRICE_WIDTH = 0.5


def likely_means(world: SalesWorld, panel: Panel) -> Floats:
    """
    Return what items that never sold are expected to sell a period, in units, shape (series,); NaN for all others.

    Parameters
    ----------
    world : SalesWorld
        Table ``items``: category, name, brand and list_price say what is like what; each may be empty.
    panel : Panel
    """
    seen = in_stock(panel)
    mean = np.where(seen, panel.units, 0.0).sum(axis=1) / np.maximum(seen.sum(axis=1), 1)
    table = pd.DataFrame(
        {"item": panel.item_id, "place": panel.location_id, "mean": np.where(mean > 0.0, mean, np.nan)}
    )
    ever = np.asarray(np.isfinite(panel.units).any(axis=1))
    by_item = table.assign(ever=ever).groupby("item").agg(mean=("mean", "mean"), ever=("ever", "max"))
    new, old = by_item.index[~by_item["ever"]], by_item.index[by_item["mean"].notna()]
    result = np.full(panel.series, np.nan)
    if not len(new) or not len(old):
        return result
    weight = _likeness(world.table("items"), list(new), list(old))
    wide = table[table["item"].isin(old)].pivot_table(index="item", columns="place", values="mean").reindex(old)
    for n, item in enumerate(new):
        for i in np.flatnonzero(panel.item_id == item):
            place = panel.location_id[i]
            there = wide[place].to_numpy(float) if place in wide else by_item.loc[old, "mean"].to_numpy(float)
            # Where nothing alike sells, the item's usual place must do.
            value = there if np.isfinite(there[weight[n] > 0.0]).any() else by_item.loc[old, "mean"].to_numpy(float)
            counted = np.where(np.isfinite(value), weight[n], 0.0)
            if counted.sum() > 0.0:
                result[i] = float((counted * np.nan_to_num(value)).sum() / counted.sum())
    return result


def _likeness(items: pa.Table, new: list[str], old: list[str]) -> Floats:
    """Return the weight of every old item for every new one, shape (new, old); none outside its category."""
    names = ["item_id", "name", "category", "brand", "list_price"]
    frame: Any = items.select(names).to_pandas().astype(dict.fromkeys(names[:-1], object))
    frame = frame.set_index("item_id")
    text = frame["name"].fillna("") + " " + frame["brand"].fillna("")
    category = frame["category"].fillna("")
    price = frame["list_price"].astype(float)
    cosine = _cosine(text.reindex(new).to_list(), text.reindex(old).to_list())
    ratio = price.reindex(new).to_numpy()[:, None] / price.reindex(old).to_numpy()[None, :]
    apart = np.abs(np.log(np.where(ratio > 0.0, ratio, 1.0)))
    same: npt.NDArray[np.bool_] = category.reindex(new).to_numpy()[:, None] == category.reindex(old).to_numpy()[None, :]
    # A category of new items only says nothing; then all others are asked.
    same = same | ~same.any(axis=1, keepdims=True)
    return np.asarray(np.where(same, (PLAIN_NAME + cosine) ** 2 * np.exp(-apart / PRICE_WIDTH), 0.0))


def _cosine(new: list[str], old: list[str]) -> Floats:
    """Return the cosine of the tf-idf vectors of texts, shape (new, old); 0 where no text has a letter."""
    library: Any = importlib.import_module("sklearn.feature_extraction.text")
    words = library.TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5))
    try:
        vectors = words.fit_transform(new + old)
    except ValueError:
        return np.zeros((len(new), len(old)))
    return np.asarray((vectors[: len(new)] @ vectors[len(new) :].T).toarray(), dtype=np.float64)
