"""A plan made as if nothing had ever been out of stock, to see what the recovery of demand does."""

import json

import pandas as pd

import run_plan
from tests.folders import sales_of, tea_shop


def ordered(folder, *more):
    call = ["plan", str(folder / "shop"), "--out", str(folder / "plan"), "--workers", "1", "--paths", "40"]
    assert run_plan.run([*call, "--previous", "none", *more]) == 0
    lines = pd.read_csv(folder / "plan" / "purchase_orders.csv").query("status == 'proposed'")
    return lines.set_index("item_id")["quantity"], pd.read_csv(folder / "plan" / "exceptions.csv")


def test_without_stock_outs_the_days_that_ran_out_count_as_all_that_was_wanted(tmp_path):
    # Tea sells eight a day; of the last two weeks it was there half the day, and four were sold.
    tea = sales_of("tea_250", "S2", [8.0] * 28 + [4.0] * 14).splitlines()
    rows = [f"{row},{0.5 if n >= 28 else 1}" for n, row in enumerate(tea)]
    rows += [f"{row},1" for row in sales_of("rice_1kg", "S2", [2.0] * 42).splitlines()]
    sales = "date,item_id,location_id,units,in_stock_share\n" + "\n".join(rows) + "\n"
    tea_shop(tmp_path / "shop", {"sales": sales})
    recovered, _ = ordered(tmp_path)
    recorded, told = ordered(tmp_path, "--without", "stock_outs")
    assert recovered["tea_250"] > 1.2 * recorded["tea_250"]
    # What was never short changes only as far as both learn from each other.
    assert abs(recovered["rice_1kg"] - recorded["rice_1kg"]) <= 1
    assert any("stock_outs was left out of this plan" in text for text in told["text"])
    assert json.loads((tmp_path / "plan" / "run.json").read_text())["without"] == ["stock_outs"]
