"""A plan folder made by hand, with figures that can be added up on paper, and readers of what the reports write."""

import datetime
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd

from optimizer.plan.exceptions import ExceptionRow
from optimizer.plan.record import Record, write_record
from scenarios.load import load_world
from scenarios.schema import declared
from tests.folders import write_tables

DAY = datetime.date(2024, 4, 8)
TOMORROW, LATER = DAY + datetime.timedelta(1), DAY + datetime.timedelta(9)
# Names as nobody should give them: markup, a formula, quotes, a mark that turns the writing direction.
HOSTILE = """<script>alert("x")</script> & 'co' <b>"""
FORMULA = '=HYPERLINK("http://example.org","pay")'
TURNED = "left \u202eright"

TABLES = {
    "items": "item_id,name,category,unit_cost,list_price\ntea,Green tea,hot,1.80,3.20\nrice,,dry,1.10,2.00\n",
    "locations": (
        "location_id,name,kind,lat,lon\nDC,Depot,dc,60.0,24.0\nS1,Main street,store,60.0,24.1\nS2,,store,60.1,24.0\n"
    ),
    "sales": "date,item_id,location_id,units\n2024-04-07,tea,S1,3\n",
    "stock": "item_id,location_id,on_hand\ntea,S1,9\nrice,S1,30\n",
    "suppliers": "supplier_id,name,payment_days\nA,Alpha,30\nB,,10\n",
    "vehicles": "vehicle_id,depot_id,driver\nvan 1,DC,Aino\nvan/2,DC,\n",
    "customers": "customer_id,lat,lon,name,phone,address\nC1,60.05,24.05,Ada,+358 40 1,Road 1\nC2,60.02,24.02,Bob,,\n",
    "deliveries": (
        "delivery_id,order_id,depot_id,customer_id,service_date,lat,lon,name,address,notes\n"
        "D1,O1,DC,C1,2024-04-08,,,,,ring twice\nD2,O2,DC,C2,2024-04-08,60.03,24.03,Bobby,Lane 2,\n"
    ),
    "delivery_windows": (
        "delivery_id,window_start,window_end\n"
        "D1,2024-04-08T08:00:00,2024-04-08T09:00:00\nD1,2024-04-08T10:00:00,2024-04-08T12:00:00\n"
    ),
    "budgets": (
        "period_start,scope,scope_id,component,amount\n2024-04-08,all,,purchase,100\n2024-04-08,supplier,A,purchase,30\n"
        "2024-04-08,category,dry,purchase,20\n2024-04-08,all,,transport,50\n2024-04-15,all,,purchase,70\n"
    ),
    "open_orders": (
        "order_id,line,item_id,location_id,source_id,quantity,ordered_on,due_on\nX,1,tea,S1,A,5,2024-04-08,2024-04-12\n"
    ),
}


def frame(name, rows, **common):
    """Return rows of a declared table; columns not given are empty."""
    columns = list(declared()[name].names)
    return pd.DataFrame([{**dict.fromkeys(columns), **common, **row} for row in rows], columns=columns)


def order(line, item, source, quantity, amount, **other):
    return {
        "line_id": line, "order_id": f"PO-{source}", "item_id": item, "location_id": "S1", "source_id": source,
        "quantity": quantity, "order_on": DAY, "due_on": LATER, "status": "proposed", "unit_cost": 1.5,
        "amount": amount, "currency": "EUR", "reason": f"why {line}", **other,
    }  # fmt: skip


def cost(number, component, amount, nature="cash", **other):
    return {
        "cost_id": f"c{number:03d}", "decision": "reorder", "component": component, "nature": nature, "date": DAY,
        "due_on": DAY, "currency": "EUR", "amount": amount, **other,
    }  # fmt: skip


def visit(route, seq, stop, kind, clock, load, **other):
    moment = datetime.datetime.combine(DAY, datetime.time.fromisoformat(clock))
    leaves = moment + datetime.timedelta(minutes=0 if kind == "depot" else 6)
    return {
        "route_id": route, "seq": seq, "line_id": f"{route}{seq}", "vehicle_id": "van 1", "trip": 1, "stop_id": stop,
        "kind": kind, "eta": moment, "etd": leaves, "wait_minutes": 0.0, "load_kg": load, "load_l": 2 * load,
        "km": 0.0 if seq == 0 else 5.5, "locked": False, **other,
    }  # fmt: skip


def outlook(item, place, stock):
    """Return four days of projection with mean demand 2, band 1 to 4, and 6 units arriving on the second day."""
    return [
        {
            "item_id": item, "location_id": place, "date": DAY + datetime.timedelta(n), "opening": stock,
            "receipts": 6.0 * (n == 1), "demand_mean": 2.0, "demand_p10": 1.0, "demand_p90": 4.0,
            "closing_mean": stock - n, "lost_mean": 0.1,
            "expired_mean": 0.0, "shipped": 0.0, "out_of_stock_probability": 0.1, "days_cover": 2.0,
        }
        for n in range(4)
    ]  # fmt: skip


def whole_day():
    """Return the tables of a day: three order lines, two transfers, two routes, one price, and so on."""
    made = {"purchase_orders": order_rows(), "costs": cost_rows(), "routes": route_rows(), **screened_rows()}
    move = {"item_id": "tea", "from_location": "DC", "quantity": 5, "ship_on": DAY, "due_on": TOMORROW}
    price = {"item_id": "tea", "location_id": "S1", "valid_from": DAY, "old_price": 3.2, "new_price": 2.4}
    made["transfers"] = [
        {"line_id": f"t-{place}", "to_location": place, "status": "proposed", "reason": "low", **move}
        for place in ("S1", "S2")
    ]
    made["price_changes"] = [{"line_id": "p1", "reason": "old", **price}]
    made["unserved"] = [{"stop_id": "D3", "cause": "full", "cheapest_relaxation": "a van", "cost": 4500}]
    made["projection"] = outlook("tea", "S1", 9.0) + outlook("rice", "S1", 30.0)
    made["kpis"] = [
        {"name": "expected_cost", "value": 7.5, "unit": "EUR", "baseline": 9.0},
        {"name": "fill_rate", "value": 0.95, "unit": "share", "baseline": 0.97},
        {"name": "order_lines", "value": 3.0, "unit": "count", "baseline": 3.0},
        {"name": "new_figure", "value": 2.5, "unit": "units", "baseline": None},
    ]
    return {name: frame(name, rows) for name, rows in made.items()}


def order_rows():
    """Return 36.00 for B and 15.00 for A today, and a line for tomorrow."""
    return [
        order("l1", "tea", "A", 10, 1500),
        order("l2", "rice", "B", 20, 3000),
        order("l3", "tea", "B", 4, 600),
        order("l4", "tea", "A", 9, 1350, status="planned", order_on=TOMORROW),
    ]


def cost_rows():
    """Return 51 for goods, 20 for a route and a rebate of 1, booked; 21 expected."""
    return [
        cost(1, "purchase", 1500, line_id="l1", item_id="tea", source_id="A", due_on=LATER),
        cost(2, "purchase", 3000, line_id="l2", item_id="rice", source_id="B", due_on=LATER),
        cost(3, "purchase", 600, line_id="l3", item_id="tea", source_id="B", due_on=LATER),
        cost(4, "purchase", 1350, "expected", line_id="l4", item_id="tea", source_id="A", date=TOMORROW),
        cost(5, "route_fixed", 2000, decision="routes", route_id="R1"),
        cost(6, "shortage", 700, "expected", item_id="tea", location_id="S1"),
        cost(7, "holding", 50, "expected", item_id="rice", location_id="S1"),
        cost(8, "rebate", -100, "accrual", source_id="A"),
    ]


def route_rows():
    """Return a route of a transfer and a delivery, and one of a delivery that waits."""
    return [
        visit("R1", 0, "DC", "depot", "07:00", 30.0),
        visit("R1", 1, "DC>S1", "transfer", "07:30", 10.0),
        visit("R1", 2, "D1", "delivery", "10:30", 0.0),
        visit("R1", 3, "DC", "depot", "11:00", 0.0),
        visit("R/2", 0, "DC", "depot", "08:00", 4.0, vehicle_id="van/2"),
        visit("R/2", 1, "D2", "delivery", "08:20", 0.0, vehicle_id="van/2", wait_minutes=2.0),
        visit("R/2", 2, "DC", "depot", "09:00", 0.0, vehicle_id="van/2"),
    ]


def screened_rows():
    """Return what the filters say: one order held, three rows that lose 8 units each, two items in a group."""
    taken = {"table": "transactions", "units": 9.0, "kept": 1.0, "money": 100}
    return {
        "order_holds": [{"order_id": "O9", "probability": 0.9, "queue": "web", "money": 900, "reason": "too many"}],
        "excluded_rows": [{**taken, "row_key": f"k{n}", "reason": f"bulk order: {n}"} for n in range(3)],
        "segments": [{"kind": "item", "member_id": name, "segment": "A1", "reason": "r"} for name in ("tea", "rice")],
    }


def many_lines(count, suppliers=40):
    """Return the day with `count` order lines of 0, 1, 2, … cents in turn from each supplier."""
    lines = [order(f"l{n:06d}", "tea", f"supplier {n % suppliers}", 1, n) for n in range(count)]
    return {**whole_day(), "purchase_orders": frame("purchase_orders", lines)}


EXCEPTIONS = [
    ExceptionRow("short tea S1", "shortage", "tea at S1 is short", {}, 700),
    ExceptionRow("late X", "late", "order X is late", {}, 900),
    ExceptionRow("travel", "assumed", "travel is assumed", {}),
]
PROOFS = {
    "reorder": {"objective": 7.5, "bound": 6.0, "gap": 0.2, "limit": "nodes", "covers": "this model", "unit": "EUR"}
}


def plan_by_hand(folder: Path, tables=None, command="plan", changes=None, exceptions=EXCEPTIONS, policy="", day=DAY):
    """Write a plan folder with these tables, as the pipeline writes its own, and return it."""
    settings = f"plan_date = {day}\n{policy}"
    world = load_world(write_tables(folder / "shop", {**TABLES, **(changes or {})}, settings))
    target = folder / "plan"
    target.mkdir()
    made = whole_day() if tables is None else tables
    write_record(target, world, Record(command, made, PROOFS if made else {}, list(exceptions), 4), {})
    return target


class Page(HTMLParser):
    """What a page holds: rows of its tables by name, counts of elements by tag and class, text, addresses."""

    VOID = frozenset({"meta", "br", "link", "img", "input", "hr"})

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open, self.rows, self.captions, self.classes = [], {}, [], []
        self.words, self.addresses, self.paths, self.scripts, self.ids = [], [], [], [], []
        self._table, self._caption = "", None
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        if tag not in self.VOID:
            self.open.append(tag)
        self.classes += [(tag, name) for name in (named.get("class") or "").split()]
        self.addresses += [named[name] for name in ("src", "href", "action", "data", "poster") if name in named]
        self.ids += [named["id"]] if "id" in named else []
        if tag == "table":
            self._table = named.get("data-table", "")
        if tag == "path" and named.get("data-route"):
            self.paths.append((named["data-route"], named["d"]))
        if tag == "tr" and self._table and "tbody" in self.open:
            self.rows.setdefault(self._table, []).append([])
        if tag in {"td", "th"} and self._table and "tbody" in self.open:
            self.rows[self._table][-1].append("")
        if tag == "caption":
            self.captions.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        if "script" in self.open:
            self.scripts.append(data)
        elif "style" not in self.open:
            self.words.append(data)
        if "caption" in self.open:
            self.captions[-1] += data
        if self._table and "tbody" in self.open and {"td", "th"} & set(self.open):
            self.rows[self._table][-1][-1] += data

    @property
    def text(self):
        return " ".join("".join(self.words).split())

    def count(self, tag, name):
        return self.classes.count((tag, name))


def page_of(folder: Path) -> Page:
    return Page((folder / "plan.html").read_text(encoding="utf-8"))


def amount(text: str) -> float:
    return float(text.replace(",", ""))
