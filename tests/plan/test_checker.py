"""The checker finds faults seeded into a finished plan, each by what it means and not only by its changed bytes."""

import json
import shutil

import pandas as pd
import pytest

from optimizer.plan.check import file_hash
from optimizer.plan.verify import verify_plan


def change(folder, name, edit):
    """Change a table of a plan folder and bring run.json up to date, so that only its meaning can give it away."""
    path = next(path for path in folder.glob(f"{name}.*") if path.suffix in {".csv", ".parquet"})
    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
        edit(frame)
        frame.to_parquet(path, index=False)
    else:
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        frame = result if (result := edit(frame)) is not None else frame
        frame.to_csv(path, index=False)
    rehash(folder)


def rehash(folder):
    run = json.loads((folder / "run.json").read_text())
    run["files"] = {name: file_hash(folder / name) for name in run["files"]}
    (folder / "run.json").write_text(json.dumps(run))


def first(frame, **conditions):
    mask = pd.Series(True, index=frame.index)
    for column, value in conditions.items():
        mask &= frame[column] == value
    return frame.index[mask][0]


def add(frame, row, column, amount):
    frame.loc[row, column] = f"{float(frame.loc[row, column]) + amount:g}"


def break_a_pack(f):
    # The first line is the planner's own.
    add(f, f.index[(f["status"] == "proposed") & (f["quantity"].astype(float) % 15 != 0)][0], "quantity", 1)


def move_a_cent(f):
    row = first(f, component="purchase")
    f.loc[row, "amount"] = f"{float(f.loc[row, 'amount']) + 0.01:.2f}"


def change_the_locked_line(f):
    f.loc[first(f, item_id="0001", to_location="S01", status="proposed"), "quantity"] = "18"


def lose_a_receipt(f):
    f.loc[f.index[f["receipts"] > 0][0], "receipts"] = 0.0


def make_an_amount_wrong(f):
    row = first(f, status="proposed")
    f.loc[row, "amount"] = f"{float(f.loc[row, 'amount']) - 0.01:.2f}"


def deliver_too_early(f):
    row = first(f, status="proposed")
    f.loc[row, "due_on"] = f.loc[row, "order_on"]


def drop_a_line(f):
    return f.drop(first(f, status="proposed"))


def double_a_line(f):
    return pd.concat([f, f.head(1)])


def order_on_a_closed_day(f):
    row = f.index[(f["source_id"] == "Harbour Trading")][0]
    f.loc[row, "order_on"] = "2024-03-03"


def order_from_a_stranger(f):
    f.loc[first(f, status="proposed"), "source_id"] = "Nobody"


def pay_less_a_unit(f):
    row = first(f, status="proposed")
    f.loc[row, "unit_cost"] = f"{float(f.loc[row, 'unit_cost']) - 0.1:g}"


def ship_more_than_the_dc_has(f):
    row = first(f, status="proposed")
    f.loc[row, "quantity"] = "60000"


def beautify_a_figure(f):
    f.loc[first(f, name="shortage_cost"), "value"] = "0"


def close_with_more(f):
    f.loc[f.index[5], "closing_mean"] += 1.0


def open_with_more(f):
    f.loc[f.index[0], "opening"] += 1.0


def want_less(f):
    f.loc[f.index[f["level"] == "mean"][3], "units"] += 0.5


def forget_an_explanation(f):
    return f.drop(f.index[f["text"].str.startswith("When it arrives")][0])


def edit_numbers(f, change):
    for row in f.index[f["text"].str.startswith("When it arrives")]:
        numbers = json.loads(f.loc[row, "numbers"])
        change(numbers)
        f.loc[row, "numbers"] = json.dumps(numbers)


def need_another_quantity(f):
    edit_numbers(f, lambda numbers: numbers.update(need=numbers["need"] + 1))


def round_the_need_up_twice(f):
    edit_numbers(f, lambda numbers: numbers.update(need_in_packs=numbers["need_in_packs"] + numbers["pack"]))


def speak_of_another_quantity(f):
    edit_numbers(f, lambda numbers: numbers.update(quantity=numbers["quantity"] + numbers["pack"]))


def count_what_is_not_there(f):
    def more(numbers):
        numbers.update(position=numbers["position"] + 1, order_up_to=numbers["order_up_to"] + 1)

    edit_numbers(f, more)


def want_more_than_is_forecast(f):
    edit_numbers(f, lambda numbers: numbers.update(wanted=numbers["wanted"] + 1))


def pass_over_a_better_quantity(f):
    edit_numbers(f, lambda numbers: numbers.update(cost_one_pack_more=numbers["cost"] - 1, binding=""))


def edit_price_numbers(f, change):
    for row in f.index[f["text"].str.startswith("The price falls")]:
        numbers = json.loads(f.loc[row, "numbers"])
        change(numbers)
        f.loc[row, "numbers"] = json.dumps(numbers)


def start_from_another_price(f):
    edit_price_numbers(f, lambda numbers: numbers.update(price_today=numbers["price_today"] + 0.5))


def plan_another_price(f):
    edit_price_numbers(f, lambda numbers: numbers["changes"][0].__setitem__(1, 0.01))


def decide_another_rung(f):
    edit_price_numbers(f, lambda numbers: [rung.update(beside=rung["beside"] + 1) for rung in numbers["ladder"]])


def sell_more_than_is_there(f):
    edit_price_numbers(f, lambda numbers: numbers.update(sold=numbers["sold"] + 1))


def earn_more(f):
    edit_price_numbers(f, lambda numbers: numbers.update(value=numbers["value"] + 1))


def put_nothing_at_stake(f):
    f["money"] = "0.00"


def book_a_later_line_as_cash(f):
    f.loc[first(f, component="purchase", nature="expected"), "nature"] = "cash"


def forget_a_holding_cost(f):
    return f.drop(first(f, component="holding"))


def drop_a_stop(f):
    return f.drop(f.index[f["kind"] == "delivery"][0])


def visit_a_stop_twice(f):
    return pd.concat([f, f[f["kind"] == "delivery"].head(1).assign(route_id="R009", seq="7")])


def miss_a_window(f):
    row = f.index[f["kind"] == "delivery"][-1]
    later = pd.to_datetime(f.loc[row, ["eta", "etd"]]) + pd.Timedelta(hours=9)
    f.loc[row, ["eta", "etd"]] = later.dt.strftime("%Y-%m-%dT%H:%M:%S")


def leave_a_transfer_at_the_dc(f):
    return f[~f["stop_id"].str.startswith("DC1>S01")]


def hold_an_order_that_is_shipped(f):
    f.loc[0, "order_id"] = "W0149-001"


def load_more_than_the_van_carries(f):
    f.loc[first(f, seq="0"), "load_kg"] = "9000"


def send_a_vehicle_that_is_none(f):
    f["vehicle_id"] = "Ghost 1"


def shorten_the_way(f):
    f.loc[f.index[f["kind"] == "delivery"][0], "km"] = "0.1"


def serve_in_no_time(f):
    row = f.index[f["kind"] == "delivery"][0]
    f.loc[row, "etd"] = f.loc[row, "eta"]


def move_a_cent_of_a_route(f):
    row = first(f, component="route_distance")
    f.loc[row, "amount"] = f"{float(f.loc[row, 'amount']) + 0.01:.2f}"


def raise_a_price_in_a_clearance(f):
    f.loc[0, "new_price"] = "3.10"


def leave_the_ladder(f):
    f.loc[0, "new_price"] = "2.77"


def forget_todays_price(f):
    f.loc[0, "old_price"] = "2.95"


def keep_more_than_was_ordered(f):
    f.loc[0, "kept"] = "999"


def take_out_what_is_not_told(f):
    return f.drop(0)


def lose_an_item_class(f):
    return f.drop(first(f, kind="item"))


def hold_more_than_can_be_reviewed(f):
    f["queue"] = "desk"


FAULTS = [
    ("routes", drop_a_stop, "is due and on no route"),
    ("routes", visit_a_stop_twice, "is visited twice"),
    ("routes", miss_a_window, "outside its windows"),
    ("routes", leave_a_transfer_at_the_dc, "transfers of today are on no route"),
    ("order_holds", hold_an_order_that_is_shipped, "is held and must not be shipped"),
    ("routes", load_more_than_the_van_carries, "its capacity_kg is"),
    ("routes", send_a_vehicle_that_is_none, "is no vehicle of the inputs"),
    ("routes", shorten_the_way, "from the stop before"),
    ("routes", serve_in_no_time, "longer than it stays"),
    ("costs", move_a_cent_of_a_route, "the route gives"),
    ("price_changes", raise_a_price_in_a_clearance, "is not below"),
    ("price_changes", leave_the_ladder, "ladder"),
    ("price_changes", forget_todays_price, "says the price was"),
    ("excluded_rows", keep_more_than_was_ordered, "keeps 999 of"),
    ("excluded_rows", take_out_what_is_not_told, "are told"),
    ("segments", lose_an_item_class, "has no segment"),
    ("order_holds", hold_more_than_can_be_reviewed, "do not fit"),
    ("purchase_orders", break_a_pack, "no multiple of the pack"),
    ("costs", move_a_cent, "the line costs"),
    ("transfers", change_the_locked_line, "is locked at 12"),
    ("projection", lose_a_receipt, "the lines give"),
    ("purchase_orders", make_an_amount_wrong, "quantity × unit cost is"),
    ("purchase_orders", deliver_too_early, "its lead time makes that"),
    ("purchase_orders", drop_a_line, "books a purchase that is no line"),
    ("purchase_orders", double_a_line, "stands more than once"),
    ("purchase_orders", order_on_a_closed_day, "takes no orders on Sundays"),
    ("purchase_orders", order_from_a_stranger, "does not deliver"),
    ("purchase_orders", pay_less_a_unit, "its source asks"),
    ("transfers", ship_more_than_the_dc_has, "the lines give"),
    ("kpis", beautify_a_figure, "the tables give"),
    ("projection", close_with_more, "the balance gives"),
    ("projection", open_with_more, "stock has"),
    ("forecast", want_less, "the forecast says"),
    ("explanations", forget_an_explanation, "is not explained"),
    ("explanations", need_another_quantity, "level and position make that"),
    ("explanations", round_the_need_up_twice, "in packs, that is"),
    ("explanations", speak_of_another_quantity, "the line has"),
    ("explanations", count_what_is_not_there, "as there, the projection"),
    ("explanations", want_more_than_is_forecast, "until the next arrival, the projection"),
    ("explanations", pass_over_a_better_quantity, "a pack more would cost"),
    ("explanations", put_nothing_at_stake, "at stake, a pack less costs"),
    ("explanations", start_from_another_price, "starts from"),
    ("explanations", plan_another_price, "begins with"),
    ("explanations", decide_another_rung, "as decided, the line says"),
    ("explanations", sell_more_than_is_there, "sells and leaves"),
    ("explanations", earn_more, "the values differ by"),
    ("costs", book_a_later_line_as_cash, "only today's lines are cash"),
    ("costs", forget_a_holding_cost, "the projection gives"),
]


def test_a_finished_plan_is_true(planned):
    assert verify_plan(planned) == []


@pytest.mark.parametrize(("table", "fault", "words"), FAULTS, ids=[f[1].__name__ for f in FAULTS])
def test_a_seeded_fault_is_found_by_its_meaning(planned, tmp_path, table, fault, words):
    folder = tmp_path / "plan"
    shutil.copytree(planned, folder)
    change(folder, table, fault)
    texts = [str(violation) for violation in verify_plan(folder)]
    assert any(words in text for text in texts), texts[:5]


def test_any_changed_byte_is_found(planned, tmp_path):
    folder = tmp_path / "plan"
    shutil.copytree(planned, folder)
    path = folder / "exceptions.csv"
    path.write_text(path.read_text().replace("expected", "expecte d", 1))
    assert [v.text for v in verify_plan(folder)] == ["was changed after the plan was written"]


def test_an_objective_below_its_bound_is_found(planned, tmp_path):
    folder = tmp_path / "plan"
    shutil.copytree(planned, folder)
    certificate = json.loads((folder / "certificate.json").read_text())
    certificate["decisions"]["reorder"]["bound"] = certificate["decisions"]["reorder"]["objective"] * 1.01
    (folder / "certificate.json").write_text(json.dumps(certificate))
    rehash(folder)
    assert any("lies below its bound" in v.text for v in verify_plan(folder))


def test_a_supplier_minimum_not_reached_is_found(planned, tmp_path):
    folder = tmp_path / "plan"
    shutil.copytree(planned, folder)
    orders = pd.read_csv(folder / "purchase_orders.csv", dtype=str)
    suppliers = pd.read_parquet(folder / "inputs" / "suppliers.parquet")
    ordered = orders.loc[orders["status"] == "proposed", "source_id"].iloc[0]
    suppliers.loc[suppliers["supplier_id"] == ordered, "min_order_value"] = 1e6
    suppliers.to_parquet(folder / "inputs" / "suppliers.parquet", index=False)
    rehash(folder)
    assert any("min_order_value" in v.text for v in verify_plan(folder))


def test_a_folder_that_is_no_plan_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="is no plan folder"):
        verify_plan(tmp_path)
