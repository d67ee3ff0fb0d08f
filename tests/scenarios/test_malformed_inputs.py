"""What people really hand over: each damage is named with file, row, column and remedy, and the rest is kept."""

import json

import pytest

import run_plan
from scenarios.faults import UnusableInputError
from scenarios.load import load_world
from tests.folders import TEA, sales_of, tea_sales, tea_shop, write_tables

HEADER = "date,item_id,location_id,units\n"
GOOD = sales_of("tea_250", "S2", [3.0, 4.0, 5.0])


def one_fault(folder, changes, policy=""):
    world = load_world(tea_shop(folder, changes, policy))
    assert len(world.quarantine) == 1, [str(f) for f in world.quarantine]
    return world, world.quarantine[0]


# name of the case: (file text, row, column, part of what was found, part of the remedy)
BAD_SALES = {
    "decimal comma": (HEADER + GOOD + '2024-03-20,tea_250,S2,"2,50"\n', 5, "units", "2,50", 'set decimal = ","'),
    "not a number": (HEADER + GOOD + "2024-03-20,tea_250,S2,NaN\n", 5, "units", "NaN", "leave the cell empty"),
    "infinite": (HEADER + GOOD + "2024-03-20,tea_250,S2,inf\n", 5, "units", "inf", "leave the cell empty"),
    "past the largest number": (HEADER + GOOD + "2024-03-20,tea_250,S2,1e309\n", 5, "units", "1e309", "leave the cell"),
    "more than anybody sells": (HEADER + GOOD + "2024-03-20,tea_250,S2,1e300\n", 5, "units", "1e300", ""),
    "negative units": (HEADER + GOOD + "2024-03-20,tea_250,S2,-2\n", 5, "units", "-2", "returns"),
    "empty units": (HEADER + GOOD + "2024-03-20,tea_250,S2,\n", 5, "units", "", "fill the cell"),
    "serial date": (HEADER + GOOD + "45371,tea_250,S2,2\n", 5, "date", "45371", "2024-03-20"),
    "day before month": (HEADER + GOOD + "20/03/2024,tea_250,S2,2\n", 5, "date", "20/03/2024", "year-month-day"),
    "a day that never was": (HEADER + GOOD + "2024-02-30,tea_250,S2,2\n", 5, "date", "2024-02-30", "a day that exists"),
    "time of day": (HEADER + GOOD + "2024-03-20 14:30,tea_250,S2,2\n", 5, "date", "14:30", "leave the time"),
    "missing cell": (HEADER + "2024-03-01,tea_250,S2\n" + GOOD, 2, "", "2024-03-01", "add the missing cells"),
    "one cell too many": (HEADER + GOOD + "2024-03-20,tea_250,S2,2,9\n", 5, "", "2024-03-20", "double quotes"),
    "open quote": (HEADER + GOOD + '2024-03-20,"tea"_250,S2,2\n', 5, "", "tea", "quote"),
    "after a blank line": (HEADER + GOOD + "\n2024-03-20,tea_250,S2,x\n", 6, "units", "x", "correct the cell"),
    "after a cell of two lines": (
        HEADER + GOOD + '2024-03-19,"tea\n250",S2,2\n',
        5,
        "item_id",
        "tea",
        "add it to items",
    ),
    "stray space in an id": (HEADER + GOOD + "2024-03-20,tea_250 ,S2,2\n", 5, "item_id", "tea_250 ", '"tea_250"'),
    "unknown place": (HEADER + GOOD + "2024-03-20,tea_250,S3,2\n", 5, "location_id", "S3", "add it to locations"),
    "nul byte": (
        (HEADER + GOOD).encode() + b"2024-03-20,tea\x00250,S2,2\n",
        5,
        "item_id",
        "tea",
        "remove the character",
    ),
    "ten megabytes in a cell": (HEADER + GOOD + f"2024-03-20,{'x' * 10_000_000},S2,2\n", 5, "", "xxx", "shorten"),
    "right-to-left id": (HEADER + GOOD + "2024-03-20,שלום,S2,2\n", 5, "item_id", "שלום", "add it to items"),
    "share above one": (
        "date,item_id,location_id,units,in_stock_share\n2024-03-04,tea_250,S2,2,1.5\n2024-03-05,tea_250,S2,2,1\n",
        2,
        "in_stock_share",
        "1.5",
        "correct the figure",
    ),
}


@pytest.mark.parametrize("case", BAD_SALES)
def test_a_bad_sales_row_is_named_and_the_others_are_kept(tmp_path, case):
    text, row, column, found, remedy = BAD_SALES[case]
    world, fault = one_fault(tmp_path, {"sales": text})
    assert (fault.file, fault.row, fault.column) == ("sales.csv", row, column)
    assert found in fault.found
    assert remedy in fault.remedy
    assert world.table("sales").num_rows == (1 if case == "share above one" else 3)


def test_the_money_of_a_refused_row_is_its_units_at_the_list_price(tmp_path):
    _, fault = one_fault(tmp_path, {"sales": HEADER + GOOD + "2024-03-20,tea_250,S9,5\n"})
    assert fault.money == 1600  # 5 units at 3.20


def test_of_two_rows_with_one_key_one_is_kept_whatever_their_order(tmp_path):
    rows = ["2024-03-20,tea_250,S2,2\n", "2024-03-20,tea_250,S2,7\n"]
    kept = []
    for n, order in enumerate((rows, rows[::-1])):
        world, fault = one_fault(tmp_path / str(n), {"sales": HEADER + GOOD + "".join(order)})
        assert "row" in fault.remedy
        kept.append(world.frame("sales")["units"].tolist())
    assert kept[0] == kept[1]


def test_negative_stock_is_refused_and_the_pair_is_still_known(tmp_path):
    world, fault = one_fault(tmp_path, {"stock": "item_id,location_id,on_hand\ntea_250,S2,9\nrice_1kg,S2,-4\n"})
    assert (fault.file, fault.row, fault.column) == ("stock.csv", 3, "on_hand")
    assert world.table("stock").num_rows == 1


def test_rows_of_a_refused_item_say_that_its_own_row_is_at_fault(tmp_path):
    world = load_world(tea_shop(tmp_path, {"items": TEA["items"].replace("1.10", "x")}))
    hints = {f.remedy for f in world.quarantine if f.file == "sales.csv"}
    assert hints == {"its own row in items was refused; mend that one"}


def test_a_byte_order_mark_is_no_fault(tmp_path):
    world = load_world(tea_shop(tmp_path, {"items": b"\xef\xbb\xbf" + TEA["items"].encode()}))
    assert not world.quarantine
    assert world.table("items").num_rows == 2


def test_utf_16_is_read_and_said(tmp_path):
    world = load_world(tea_shop(tmp_path, {"items": TEA["items"].encode("utf-16")}))
    assert world.table("items").num_rows == 2
    assert any("UTF-16" in notice for notice in world.notices)


def test_windows_letters_are_read_and_said(tmp_path):
    world = load_world(tea_shop(tmp_path, {"items": TEA["items"].replace("Green", "Grün").encode("cp1252")}))
    assert "Grün tea 250 g" in world.frame("items")["name"].tolist()
    assert any("Windows-1252" in notice for notice in world.notices)


def test_semicolons_and_decimal_commas_are_read_when_the_policy_says_so(tmp_path):
    items = TEA["items"].replace(",", ";").replace(".", ",")
    world = load_world(tea_shop(tmp_path, {"items": items}, 'decimal = ","\n'))
    assert not world.quarantine
    assert world.frame("items")["unit_cost"].tolist() == [1.1, 1.8]


def test_chinese_names_and_leading_zeros_stay_as_they_are(tmp_path):
    world = load_world(tea_shop(tmp_path, {"items": TEA["items"] + "007,绿茶,1,2\n"}))
    assert world.frame("items")[["item_id", "name"]].iloc[0].tolist() == ["007", "绿茶"]


def test_two_unicode_forms_of_one_id_are_told_apart_and_explained(tmp_path):
    items = TEA["items"] + "caf\u00e9,Coffee,1,2\n"
    _, fault = one_fault(tmp_path, {"items": items, "sales": HEADER + GOOD + "2024-03-20,cafe\u0301,S2,2\n"})
    assert "write it exactly as in items" in fault.remedy


def test_a_header_alone_is_an_empty_table(tmp_path):
    world = load_world(tea_shop(tmp_path, {"open_orders": "order_id,item_id,location_id,quantity,due_on\n"}))
    assert not world.quarantine
    assert not world.has("open_orders")


def test_an_empty_file_and_a_missing_column_are_named(tmp_path):
    _, fault = one_fault(tmp_path / "a", {"open_orders": b""})
    assert "empty" in fault.remedy
    _, fault = one_fault(tmp_path / "b", {"stock": "item_id,location_id,onhand\ntea_250,S2,9\n"})
    assert (fault.column, fault.row) == ("on_hand", 0)
    assert 'did you mean "onhand"' in fault.remedy


def test_an_unknown_file_and_an_unknown_column_are_said(tmp_path):
    world = load_world(
        tea_shop(
            tmp_path,
            {
                "stocks": "a\n1\n",
                "stock": TEA["stock"]
                .replace("on_hand", "on_hand,colour")
                .replace(",9", ",9,red")
                .replace(",30", ",30,"),
            },
        )
    )
    assert any('did you mean "stock"' in notice for notice in world.notices)
    assert any('"colour"' in notice for notice in world.notices)


def test_one_table_in_two_formats_is_refused(tmp_path):
    folder = tea_shop(tmp_path)
    load_world(folder)
    (folder / "budgets.csv").write_text("period_start,scope,component,amount\n", encoding="utf-8")
    (folder / "budgets.parquet").write_bytes(b"PAR1")
    world = load_world(folder)
    assert [f.expected for f in world.quarantine] == ["one file for a table"]


def test_a_damaged_parquet_file_is_named(tmp_path):
    _, fault = one_fault(tmp_path, {"budgets.parquet": b"PAR1 this is none"})
    assert fault.file == "budgets.parquet"
    assert fault.expected == "a readable file"


def test_a_wrong_policy_keeps_its_default_and_is_named(tmp_path):
    world = load_world(tea_shop(tmp_path, policy='periods = "week"\nservice_level = 2\nhorizon = "x"\n'))
    assert {f.column for f in world.quarantine} == {"periods", "service_level", "horizon"}
    assert 'did you mean "period"' in world.quarantine[0].remedy
    assert world.policy.service_level == 0.95


def test_weekly_tables_want_mondays_and_whole_weeks(tmp_path):
    sources = "item_id,location_id,source_id,lead_time_days\ntea_250,S2,A,10\n"
    sales = HEADER + "2024-03-04,tea_250,S2,3\n2024-03-13,tea_250,S2,3\n"
    world = load_world(tea_shop(tmp_path, {"sales": sales, "sources": sources}, 'period = "week"\n'))
    assert {(f.file, f.row, f.column) for f in world.quarantine} == {
        ("sales.csv", 3, "date"),
        ("sources.csv", 2, "lead_time_days"),
    }
    assert "2024-03-11" in next(f.remedy for f in world.quarantine if f.file == "sales.csv")


def test_without_items_nothing_can_be_planned(tmp_path):
    tables = {name: text for name, text in TEA.items() if name != "items"}
    with pytest.raises(UnusableInputError, match=r"items\.csv is missing"):
        load_world(write_tables(tmp_path, {**tables, "sales": tea_sales()}))
    with pytest.raises(UnusableInputError, match="items has no usable row"):
        load_world(tea_shop(tmp_path, {"items": "item_id\n"}))
    with pytest.raises(UnusableInputError, match="is no folder"):
        load_world(tmp_path / "nowhere")


def test_many_damages_at_once_leave_a_plan_of_the_rest(tmp_path, capsys):
    sales = tea_sales() + "".join(text.removeprefix(HEADER + GOOD) for text, *_ in BAD_SALES.values() if is_plain(text))
    items = TEA["items"] + '007,Coffee,"2,50",3\n008,Cocoa,1,-2\n'
    stock = TEA["stock"] + "rice_1kg,S9,4\nrice_1kg,S2,7\n"
    shop = tea_shop(tmp_path / "shop", {"sales": sales, "items": items, "stock": stock}, 'periods = "day"\n')
    code = run_plan.run(["plan", str(shop), "--out", str(tmp_path / "plan"), "--workers", "1", "--json"])
    assert code == 0
    told = json.loads(capsys.readouterr().out)
    assert told["quarantined_rows"] >= 17
    assert run_plan.run(["verify", str(tmp_path / "plan")]) == 0
    refused = (tmp_path / "plan" / "quarantine.csv").read_text(encoding="utf-8")
    for name in ("sales.csv", "items.csv", "stock.csv", "policy.toml"):
        assert name in refused
    assert "tea_250" in (tmp_path / "plan" / "purchase_orders.csv").read_text(encoding="utf-8")


def is_plain(text):
    """Whether a case adds ordinary text rows after the good ones, small enough to stand beside the others."""
    return isinstance(text, str) and text.startswith(HEADER + GOOD) and len(text) < 1000 and '"tea"' not in text


def test_a_pack_off_the_unit_step_and_a_lock_without_a_number_are_named(tmp_path):
    sources = "item_id,location_id,source_id,pack_size\ntea_250,S2,A,1.5\nrice_1kg,S2,A,6\n"
    locks = "target,item_id,location_id,value\npurchase_orders,tea_250,S2,many\n"
    world = load_world(tea_shop(tmp_path, {"sources": sources, "locks": locks}))
    assert [(f.file, f.row, f.column, f.found) for f in world.quarantine] == [
        ("locks.csv", 2, "value", "many"),
        ("sources.csv", 2, "pack_size", "1.5"),
    ]


def test_deliveries_before_the_order_and_goods_that_come_expired_are_named(tmp_path):
    suppliers = "supplier_id\nA\n"
    calendar = "source_id,location_id,date,delivery_on\nA,S2,2024-04-15,2024-04-10\nA,S2,2024-04-16,2024-04-16\n"
    head = "order_id,item_id,location_id,quantity,due_on,expires_on\n"
    orders = f"{head}a,tea_250,S2,4,2024-04-19,2024-04-18\nb,tea_250,S2,4,2024-04-19,2024-04-19\n"
    tables = {"suppliers": suppliers, "supplier_calendar": calendar, "open_orders": orders}
    world = load_world(tea_shop(tmp_path, tables))
    assert {(f.file, f.row, f.column, f.found) for f in world.quarantine} == {
        ("open_orders.csv", 2, "expires_on", "2024-04-18"),
        ("supplier_calendar.csv", 2, "delivery_on", "2024-04-10"),
    }


def test_price_breaks_of_two_kinds_and_overrides_without_a_number_are_named(tmp_path):
    suppliers = "supplier_id\nA\n"
    breaks = (
        "supplier_id,item_id,from_quantity,unit_cost,kind\nA,tea_250,10,1.7,all_units\nA,tea_250,30,1,incremental\n"
    )
    overrides = "target,item_id,location_id,field,value\nforecast,tea_250,S2,units,many\nforecast,,,units,40\n"
    tables = {"suppliers": suppliers, "price_breaks": breaks, "overrides": overrides}
    world = load_world(tea_shop(tmp_path, tables))
    assert [(f.file, f.row, f.column, f.found) for f in world.quarantine] == [
        ("overrides.csv", 2, "value", "many"),
        ("price_breaks.csv", 3, "kind", "incremental"),
    ]
    assert len(world.frame("overrides")) == len(world.frame("price_breaks")) == 1
