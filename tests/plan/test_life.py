"""The life of a plan: status, promises that every later plan keeps, alarms, publication."""

import dataclasses
import datetime
import json
import sqlite3
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import run_plan
from optimizer.life import about_line, alarms_of, plans_in, point_to, publish, whole, with_promises
from optimizer.memory import company_of
from optimizer.plan.ledger import Event, Ledger, LedgerError, ledger_in, promises_on, published_on, status_of
from run_plan import Exit
from scenarios.load import load_world
from scenarios.plans import DamagedPlanError
from scenarios.schema import declared
from scenarios.world import from_frame
from tests.folders import tea_shop

DAY = datetime.date(2024, 4, 15)


def event(action, plan="one", **fields):
    return Event(action, "anna", "because", "us", plan, DAY, **fields)


def lock(item, value, **fields):
    return event(fields.pop("action", "lock"), target="purchase_orders", item_id=item, location_id="A",
                 field="quantity", value=str(value), **fields)  # fmt: skip


def test_a_plan_goes_its_way_in_order_and_an_approval_can_be_taken_back(tmp_path):
    ledger = Ledger(ledger_in(tmp_path))
    assert status_of(ledger.events(), "one") == "proposed"
    with pytest.raises(LedgerError, match="publish comes after approved"):
        ledger.append(event("publish"))
    approved = ledger.append(event("approve"))
    ledger.append(event("undo", undoes=approved.number))
    assert status_of(ledger.events(), "one") == "proposed"
    with pytest.raises(LedgerError, match="cannot be undone"):
        ledger.append(event("undo", undoes=approved.number))
    ledger.append(event("approve"))
    published = ledger.append(event("publish"))
    with pytest.raises(LedgerError, match="it is a publish"):
        ledger.append(event("undo", undoes=published.number))
    with pytest.raises(LedgerError, match="author and a reason"):
        ledger.append(dataclasses.replace(event("finish"), reason=""))
    ledger.append(event("finish"))
    assert status_of(ledger.events(), "one") == "done"
    assert [e.action for e in published_on(ledger.events(), "us", DAY)] == ["publish"]


def test_promises_hold_on_their_days_and_the_last_word_counts(tmp_path):
    ledger = Ledger(ledger_in(tmp_path))
    ledger.append(lock("tea", 10))
    later = ledger.append(lock("tea", 12, action="override", until=DAY + datetime.timedelta(days=3)))
    ledger.append(lock("ham", 5))

    def promised(days):
        day = DAY + datetime.timedelta(days=days)
        return {e.item_id: e.value for e in promises_on(ledger.events(), "us", day)}

    assert promised(0) == {"tea": "12", "ham": "5"}
    assert promised(3) == {"tea": "12"} and promised(4) == {} and promised(-1) == {}
    assert promises_on(ledger.events(), "them", DAY) == []
    ledger.append(event("undo", undoes=later.number))
    assert promised(0) == {"tea": "10", "ham": "5"}
    ledger.append(lock("ham", 5, action="release"))
    assert promised(0) == {"tea": "10"}


def test_nothing_written_is_lost_or_changed_by_a_crash(tmp_path):
    ledger = Ledger(ledger_in(tmp_path))
    ledger.append(lock("tea", 10))
    connection = sqlite3.connect(ledger_in(tmp_path), isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DELETE FROM events")
    connection.close()  # the process dies before it commits
    assert [e.item_id for e in ledger.events()] == ["tea"]
    assert sqlite3.connect(ledger_in(tmp_path)).execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert Ledger(ledger_in(tmp_path / "nowhere")).events() == []


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_the_last_standing_word_on_a_line_is_what_is_promised(tmp_path, seed):
    """Random edits against a plain model: a stack of words for each line."""
    random, ledger = np.random.default_rng(seed), Ledger(ledger_in(tmp_path))
    words: dict[str, list[tuple[int, str | None]]] = {"tea": [], "ham": [], "ice": []}
    status = "proposed"
    approvals: list[int] = []
    for _ in range(30):
        action = random.choice(["lock", "override", "release", "undo", "approve", "publish", "finish", "crash"])
        item = str(random.choice(list(words)))
        try:
            if action in {"lock", "override", "release"}:
                value = str(random.integers(1, 99))
                done = ledger.append(lock(item, value, action=action))
                words[item].append((done.number, None if action == "release" else value))
            elif action == "undo":
                stack = [n for numbers in words.values() for n, _ in numbers] + approvals
                number = int(random.choice(stack)) if stack else 1
                ledger.append(event("undo", undoes=number))
                words = {name: [w for w in numbers if w[0] != number] for name, numbers in words.items()}
                if number in approvals:
                    approvals.remove(number)
                    status = "proposed"
            elif action == "crash":
                connection = sqlite3.connect(ledger_in(tmp_path), isolation_level=None)
                if ledger.events():
                    connection.execute("BEGIN IMMEDIATE")
                    connection.execute("DELETE FROM events")
                connection.close()
            else:
                done = ledger.append(event(action))
                status = {"approve": "approved", "publish": "published", "finish": "done"}[action]
                approvals = [done.number] if action == "approve" else []
        except LedgerError:
            pass
        held = {e.item_id: e.value for e in promises_on(ledger.events(), "us", DAY)}
        assert held == {name: numbers[-1][1] for name, numbers in words.items() if numbers and numbers[-1][1]}
        assert status_of(ledger.events(), "one") == status


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    folder = tmp_path_factory.mktemp("life")
    tea_shop(folder / "shop")
    plan(folder, "one")
    return folder


def plan(folder, name, *more):
    call = ["plan", str(folder / "shop"), "--out", str(folder / "plans" / name), "--workers", "1", "--paths", "40"]
    return run_plan.run([*call, "--previous", "none", *more])


def orders_of(folder, name):
    table = pd.read_csv(folder / "plans" / name / "purchase_orders.csv")
    return table[table["status"] == "proposed"].set_index("item_id")["quantity"]


def test_an_overridden_line_is_in_the_next_plan_and_published_lines_stay(shop, capsys):
    first, line = shop / "plans" / "one", ""
    table = pd.read_csv(first / "purchase_orders.csv").query("status == 'proposed' and item_id == 'tea_250'")
    line, quantity = table["line_id"].iloc[0], float(table["quantity"].iloc[0])
    wanted = quantity + 7
    assert run_plan.run(["override", str(first), line[:8], str(wanted), "--reason", "fair", "--author", "anna"]) == 0
    assert plan(shop, "two") == 0
    assert orders_of(shop, "two")["tea_250"] == wanted
    # The first plan is as it was.
    assert orders_of(shop, "one")["tea_250"] == quantity
    second = str(shop / "plans" / "two")
    assert run_plan.run(["publish", second]) == Exit.USAGE
    assert run_plan.run(["approve", second, "--author", "ben"]) == 0
    assert run_plan.run(["publish", second, "--author", "ben"]) == 0
    assert (shop / "plans" / "published").resolve().name == "two"
    # A published plan never changes.
    before = (shop / "plans" / "two" / "run.json").read_bytes()
    assert plan(shop, "two") == Exit.USAGE
    assert "is published and never changes" in " ".join(capsys.readouterr().err.split())
    assert (shop / "plans" / "two" / "run.json").read_bytes() == before
    # The override is taken back, and the published line is a promise all the same, until it is released.
    events = Ledger(ledger_in(shop / "plans")).events()
    number = next(e.number for e in events if e.action == "override")
    assert run_plan.run(["undo", second, str(number), "--reason", "mistaken"]) == 0
    assert plan(shop, "three") == 0
    assert orders_of(shop, "three")["tea_250"] == wanted
    line = pd.read_csv(shop / "plans" / "two" / "purchase_orders.csv").query("status == 'proposed'")["line_id"].iloc[0]
    assert run_plan.run(["release", second, line, "--reason", "supplier agreed"]) == 0
    assert plan(shop, "four") == 0
    assert orders_of(shop, "four")["tea_250"] == quantity
    capsys.readouterr()
    assert run_plan.run(["runs", str(shop / "plans"), "--json"]) == 0
    status = {row["plan"]: row["status"] for row in json.loads(capsys.readouterr().out)}
    assert status == {"one": "proposed", "two": "published", "three": "proposed", "four": "proposed"}
    assert run_plan.run(["runs", str(shop / "plans"), "--events", "--json"]) == 0
    trail = json.loads(capsys.readouterr().out)
    assert [row["action"] for row in trail] == ["override", "approve", "publish", "undo", "release"]
    assert trail[0]["author"] == "anna" and trail[0]["reason"] == "fair"


def test_alarms_hold_a_release_back_and_stay_in_the_trail_when_overruled(shop, tmp_path):
    folder = shop / "plans" / "one"
    assert alarms_of(folder) == []
    copy = tmp_path / "plans" / "old"
    _copy(folder, copy)
    run = json.loads((copy / "run.json").read_text())
    (copy / "run.json").write_text(json.dumps({**run, "newest_sale": "2024-01-01"}))
    certificate = json.loads((copy / "certificate.json").read_text())
    certificate["decisions"]["reorder"]["gap"] = 0.4
    (copy / "certificate.json").write_text(json.dumps(certificate))
    told = alarms_of(copy)
    assert any("stale data: the newest sale is" in text for text in told)
    assert any("gap of reorder: 40.00%" in text for text in told) and any("check failed" in text for text in told)
    Ledger(ledger_in(copy.parent)).append(whole(copy, "approve", "anna", "seen"))
    with pytest.raises(LedgerError, match="is held back"):
        publish(copy, whole(copy, "publish", "anna", "go"), despite=False)
    assert not (copy.parent / "published").exists()
    done = publish(copy, whole(copy, "publish", "anna", "go"), despite=True)
    assert "despite" in done.reason and "stale data" in done.reason


def _copy(folder, copy):
    copy.mkdir(parents=True)
    for path in folder.rglob("*"):
        target = copy / path.relative_to(folder)
        if path.is_dir():
            target.mkdir(exist_ok=True)
        else:
            target.write_bytes(path.read_bytes())


def test_wrong_calls_say_what_would_help(shop, tmp_path):
    folder = shop / "plans" / "one"
    blank = whole(folder, "lock", "anna", "so")
    with pytest.raises(LedgerError, match="no line of its day begins with zzz"):
        about_line(folder, blank, "zzz", None)
    line = pd.read_csv(folder / "purchase_orders.csv").query("status == 'proposed'")["line_id"].iloc[0]
    with pytest.raises(LedgerError, match='quantity "many" is no number'):
        about_line(folder, blank, line, "many")
    with pytest.raises(DamagedPlanError, match="is no plan folder"):
        whole(tmp_path, "lock", "anna", "so")
    assert plans_in(tmp_path / "none") == []


def test_a_snoozed_exception_stays_in_the_table_and_leaves_the_summary(shop, capsys):
    exceptions = pd.read_csv(shop / "plans" / "one" / "exceptions.csv")
    subject = exceptions["subject"].iloc[0]
    call = ["snooze", str(shop / "plans" / "one"), subject, "--reason", "known", "--until", "2030-01-01"]
    assert run_plan.run(call) == 0
    capsys.readouterr()
    assert plan(shop, "five", "--json") == 0
    told = json.loads(capsys.readouterr().out)["exceptions"]
    assert subject not in {row["subject"] for row in told}
    kept = pd.read_csv(shop / "plans" / "five" / "exceptions.csv").set_index("subject")
    assert kept.loc[subject, "kind"] == "snoozed"


def test_promises_are_for_their_company_and_day(shop):
    world = load_world(shop / "shop")
    assert with_promises(world, shop / "nothing") is world
    other = world.replace(plan_date=world.plan_date + datetime.timedelta(days=1))
    kept = with_promises(other, shop / "plans")
    assert kept.frame("locks").empty


def test_a_company_goes_on_when_a_store_opens_and_is_another_when_most_places_are(shop):
    world, plans = load_world(shop / "shop"), shop / "plans"
    known = company_of(world, plans)
    assert known == company_of(world, shop / "nothing")

    def with_places(*names):
        frame = pd.DataFrame({"location_id": names, "kind": "store"})
        table = declared()["locations"]
        return world.replace(locations=from_frame(table, frame.reindex(columns=list(table.names))))

    own = world.frame("locations")["location_id"].tolist()
    opened = with_places(*own, *(f"N{n}" for n in range(len(own))))
    assert company_of(opened, plans) == known != company_of(opened, shop / "nothing")
    moved = with_places(*own, *(f"N{n}" for n in range(len(own) + 1)))
    assert company_of(moved, plans) == company_of(moved, shop / "nothing") != known
    abroad = opened.replace(policy=replace(world.policy, currency="USD"))
    assert company_of(abroad, plans) != known


def test_published_points_to_the_new_plan_in_one_step(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        point_to(tmp_path / name)
        assert (tmp_path / "published").resolve().name == name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "published"]
