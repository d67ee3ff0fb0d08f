"""No promise is lost: words of people, plans made anew, publications, crashes and clocks in any order."""

import datetime
import hashlib
import json
import multiprocessing

import numpy as np
import pandas as pd
import pytest

import optimizer.life
import optimizer.plan.ledger
import run_plan
from optimizer.life import about_exception, about_line, publish, whole, with_promises
from optimizer.memory import company_of
from optimizer.plan.ids import purchase_line_id
from optimizer.plan.ledger import Event, Ledger, LedgerError, ledger_in, promises_on, standing, status_of
from optimizer.plan.publish import LockedError, OccupiedError, plan_folder, unwritten
from scenarios.load import load_world
from scenarios.locks import locked_quantities
from tests.folders import tea_shop, write_tables

DAY = datetime.date(2024, 4, 15)
# Tea comes to A from two suppliers on the same day: two lines of one pair.
LINES = [("tea", "S"), ("tea", "T"), ("ham", "S")]
TABLES = {
    "items": "item_id,unit_cost\ntea,1\nham,6\n",
    "locations": "location_id\nA\n",
    "sales": "date,item_id,location_id,units\n2024-04-14,tea,A,5\n2024-04-14,ham,A,2\n",
    "stock": "item_id,location_id,on_hand\ntea,A,3\nham,A,1\n",
    "sources": "item_id,location_id,source_id,lead_time_days\ntea,A,S,2\ntea,A,T,2\nham,A,S,3\n",
}
COLUMNS = "line_id,order_id,item_id,location_id,source_id,order_on,due_on,quantity,status\n"


@pytest.fixture
def world(tmp_path):
    return load_world(write_tables(tmp_path / "shop", TABLES, f"plan_date = {DAY}\n"))


def promised(world, plans):
    held = locked_quantities(with_promises(world, plans), {})
    return {(lock.item_id, lock.source_id): units for lock, units in held.items()}


def make_plan(world, plans, name, random):
    """Write a plan as any decision would: what is promised as it is, all else as it likes."""
    held = promised(world, plans)
    lines = {line: held.get(line, float(random.integers(1, 99))) for line in LINES}
    rows = "".join(
        f"{purchase_line_id(item, 'A', source, DAY)},o,{item},A,{source},{DAY},{DAY},{units:g},proposed\n"
        for (item, source), units in lines.items()
    )
    run = {
        "command": "plan",
        "plan_date": DAY.isoformat(),
        "company": company_of(world, plans),
        "input_hash": "",
        "files": {},
    }
    with plan_folder(plans / name) as folder:
        (folder / "run.json").write_text(json.dumps(run))
        (folder / "purchase_orders.csv").write_text(COLUMNS + rows)
    return lines


class Story:
    """The plans of a day, and beside them a plain model: what was said, in its order."""

    def __init__(self, world, plans, random):
        self.world, self.plans, self.random = world, plans, random
        self.ledger, self.made, self.said, self.bytes = Ledger(ledger_in(plans)), {}, [], {}
        plans.mkdir()

    def replan(self):
        name = str(self.random.choice(["one", "two", "three"]))
        lines = make_plan(self.world, self.plans, name, self.random)
        before = self.expected()
        assert all(lines[line] == units for line, units in before.items())
        self.made[name] = lines

    def word(self, action):
        line = LINES[self.random.integers(len(LINES))]
        plan = str(self.random.choice(sorted(self.made)))
        event = whole(self.plans / plan, action, "anna", "so")
        value = str(self.random.integers(1, 99)) if action == "override" else None
        name = purchase_line_id(line[0], "A", line[1], DAY)
        done = self.ledger.append(about_line(self.plans / plan, event, name, value))
        self.said.append((done.number, {line: None if action == "release" else float(done.value)}))

    def approve(self):
        plan = str(self.random.choice(sorted(self.made)))
        self.ledger.append(whole(self.plans / plan, "approve", "ben", "seen"))

    def publish(self, cut_off):
        plan = str(self.random.choice(sorted(self.made)))
        before = self.ledger.events()
        try:
            publish(self.plans / plan, whole(self.plans / plan, "publish", "ben", "go"), despite=False)
        finally:
            if len(self.ledger.events()) > len(before):
                self.said.append((self.ledger.events()[-1].number, dict(self.made[plan])))
                self.bytes[plan] = self.digest(plan)
                assert cut_off or (self.plans / "published").resolve().name == plan

    def undo(self):
        events = self.ledger.events()
        number = int(self.random.integers(1, len(events) + 2))
        plan = str(self.random.choice(sorted(self.made)))
        event = whole(self.plans / plan, "undo", "ben", "slip")
        self.ledger.append(Event(**{**vars(event), "undoes": number}))
        self.said = [one for one in self.said if one[0] != number]

    def digest(self, plan):
        files = sorted(path for path in (self.plans / plan).rglob("*") if path.is_file())
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()

    def expected(self):
        held = {}
        for _, lines in self.said:
            held |= lines
        return {line: units for line, units in held.items() if units is not None}


@pytest.mark.parametrize("seed", range(6))
def test_no_promise_is_lost_whatever_people_plans_crashes_and_clocks_do(world, tmp_path, monkeypatch, seed):
    random = np.random.default_rng(seed)
    story = Story(world, tmp_path / "plans", random)
    monkeypatch.setattr(optimizer.life, "alarms_of", lambda folder: [])
    point_to = optimizer.life.point_to
    story.replan()
    for _ in range(25):
        action = random.choice(
            ["replan", "lock", "override", "release", "approve", "approve", "publish", "cut", "undo"]
        )
        # The clock of the machine jumps, back as well.
        _clock(monkeypatch, datetime.datetime(2024, 4, 15, int(random.integers(24)), tzinfo=datetime.UTC))
        monkeypatch.setattr(optimizer.life, "point_to", _dies if action == "cut" else point_to)
        try:
            if action in {"lock", "override", "release"}:
                story.word(action)
            elif action in {"publish", "cut"}:
                story.publish(action == "cut")
            else:
                getattr(story, action)()
        except (LedgerError, OccupiedError, _CutOffError):
            pass
        assert promised(world, story.plans) == story.expected()
        for plan, digest in story.bytes.items():
            assert story.digest(plan) == digest, "a published plan changed under its readers"
    assert [event.number for event in story.ledger.events()] == list(range(1, len(story.ledger.events()) + 1))


class _CutOffError(Exception):
    """The process ended here."""


def _dies(folder):
    raise _CutOffError


def _clock(monkeypatch, moment):
    class Clock(datetime.datetime):
        @classmethod
        def now(cls, zone=None):
            return moment

    monkeypatch.setattr(optimizer.plan.ledger, "datetime", Clock)


def event(action, plan="one", **fields):
    return Event(action, "anna", "because", "us", plan, DAY, **fields)


def test_two_lines_of_one_pair_are_two_promises_and_released_one_by_one(world, tmp_path):
    story = Story(world, tmp_path / "plans", np.random.default_rng(1))
    lines = make_plan(world, story.plans, "one", story.random)
    for action in ("approve", "publish"):
        story.ledger.append(whole(story.plans / "one", action, "ben", "go"))
    assert promised(world, story.plans) == lines
    name = purchase_line_id("tea", "A", "S", DAY)
    free = about_line(story.plans / "one", whole(story.plans / "one", "release", "ben", "gone"), name, None)
    story.ledger.append(free)
    assert promised(world, story.plans) == {line: units for line, units in lines.items() if line != ("tea", "S")}


def test_the_last_word_holds_when_the_clock_went_back(tmp_path, monkeypatch):
    ledger = Ledger(ledger_in(tmp_path))
    _clock(monkeypatch, datetime.datetime(2024, 4, 15, 12, tzinfo=datetime.UTC))
    first = ledger.append(event("lock", value="1"))
    _clock(monkeypatch, datetime.datetime(2024, 4, 15, 11, tzinfo=datetime.UTC))
    second = ledger.append(event("override", value="2"))
    assert second.moment > first.moment
    assert [e.value for e in promises_on(ledger.events(), "us", DAY)] == ["2"]


def test_a_published_plan_that_is_gone_is_said_and_its_name_stays_taken(world, tmp_path):
    plans = tmp_path / "plans"
    random = np.random.default_rng(2)
    make_plan(world, plans, "one", random)
    for action in ("approve", "publish"):
        Ledger(ledger_in(plans)).append(whole(plans / "one", action, "ben", "go"))
    (plans / "one").rename(plans / "elsewhere")
    with pytest.raises(LedgerError, match="one is published for 2024-04-15 and gone"):
        with_promises(world, plans)
    with pytest.raises(OccupiedError, match="published and never changes"), plan_folder(plans / "one"):
        pass
    (plans / "elsewhere").rename(plans / "one")
    assert len(promised(world, plans)) == len(LINES)


def test_what_people_approved_is_what_is_published(world, tmp_path):
    plans = tmp_path / "plans"
    random = np.random.default_rng(3)
    lines = make_plan(world, plans, "one", random)
    ledger = Ledger(ledger_in(plans))
    approved = ledger.append(whole(plans / "one", "approve", "ben", "seen"))
    with pytest.raises(OccupiedError, match="is approved as it is"):
        make_plan(world, plans, "one", random)
    ledger.append(Event(**{**vars(whole(plans / "one", "undo", "ben", "slip")), "undoes": approved.number}))
    # Approved while another run is under way: that run does not take its place.
    with pytest.raises(OccupiedError, match="is approved as it is"), plan_folder(plans / "one") as folder:
        (folder / "run.json").write_text("{}")
        ledger.append(whole(plans / "one", "approve", "ben", "seen"))
        with pytest.raises(LockedError), unwritten(plans / "one"):
            pass
    assert str(lines["ham", "S"])[:-2] in (plans / "one" / "purchase_orders.csv").read_text()


def test_a_publication_that_was_cut_off_is_finished_by_saying_it_again(world, tmp_path, monkeypatch):
    plans = tmp_path / "plans"
    monkeypatch.setattr(optimizer.life, "alarms_of", lambda folder: [])
    for name in ("one", "two"):
        make_plan(world, plans, name, np.random.default_rng(4))
        Ledger(ledger_in(plans)).append(whole(plans / name, "approve", "ben", "seen"))
    publish(plans / "one", whole(plans / "one", "publish", "ben", "go"), despite=False)
    with monkeypatch.context() as patch, pytest.raises(_CutOffError):
        patch.setattr(optimizer.life, "point_to", _dies)
        publish(plans / "two", whole(plans / "two", "publish", "ben", "go"), despite=False)
    assert (plans / "published").resolve().name == "one"
    done = publish(plans / "two", whole(plans / "two", "publish", "ben", "go"), despite=False)
    assert (plans / "published").resolve().name == "two"
    publications = [e for e in standing(Ledger(ledger_in(plans)).events()) if e.action == "publish"]
    assert len(publications) == 2 and publications[-1] == done
    # An older one does not come back.
    with pytest.raises(LedgerError, match="publish comes after approved"):
        publish(plans / "one", whole(plans / "one", "publish", "ben", "go"), despite=False)


def _write(path, author, count):
    for number in range(count):
        Ledger(path).append(Event("lock", author, "so", "us", "one", DAY, item_id=f"{author}{number}"))


def test_processes_that_begin_a_ledger_together_all_get_their_words_in(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(ledger_in(tmp_path), f"w{n}-", 5)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0] * 4
    events = Ledger(ledger_in(tmp_path)).events()
    assert [e.number for e in events] == list(range(1, 21)) and len({e.item_id for e in events}) == 20
    assert [e.moment for e in events] == sorted(e.moment for e in events)


def test_words_that_mean_nothing_are_refused(world, tmp_path):
    ledger = Ledger(ledger_in(tmp_path))
    with pytest.raises(LedgerError, match="before the plan date"):
        ledger.append(event("lock", until=DAY - datetime.timedelta(days=1)))
    with pytest.raises(LedgerError, match="author and a reason"):
        ledger.append(Event("lock", "  ", "so", "us", "one", DAY))
    undone = ledger.append(event("undo", undoes=ledger.append(event("lock")).number))
    with pytest.raises(LedgerError, match="it is a undo"):
        ledger.append(event("undo", undoes=undone.number))
    assert status_of(ledger.events(), "one") == "proposed"
    plans = tmp_path / "plans"
    make_plan(world, plans, "one", np.random.default_rng(5))
    said = whole(plans / "one", "override", "anna", "so")
    name = purchase_line_id("ham", "A", "S", DAY)
    for value in ("inf", "1e999", "nan", "-1", ""):
        with pytest.raises(LedgerError, match="is no number of at least 0"):
            about_line(plans / "one", said, name, value)
    with pytest.raises(LedgerError, match="3 lines begins with"):
        about_line(plans / "one", said, "", "3")
    with pytest.raises(LedgerError, match='has no exception "late PO9"'):
        about_exception(plans / "one", said, "late PO9")


def test_a_ledger_that_is_no_ledger_is_said(tmp_path, capsys):
    ledger_in(tmp_path).write_bytes(b"rubbish" * 100)
    with pytest.raises(LedgerError, match="cannot be used: file is not a database"):
        Ledger(ledger_in(tmp_path)).events()
    assert run_plan.run(["runs", str(tmp_path)]) == run_plan.Exit.USAGE


def test_a_transfer_between_stores_that_was_published_stands_in_the_plan_made_again(tmp_path):
    """B is out of stock, A has far too much: A helps today; the dc sends nothing."""
    rows = "".join(
        f"{DAY - datetime.timedelta(days=n)},tea,{place},{units}\n"
        for n in range(1, 36)
        for place, units in (("A", 1), ("B", 4))
    )
    tables = {
        "items": "item_id,unit_cost,list_price\ntea,2,5\n",
        "locations": "location_id,kind\nA,store\nB,store\n",
        "sales": "date,item_id,location_id,units\n" + rows,
        "stock": "item_id,location_id,on_hand\ntea,A,300\ntea,B,0\n",
        "sources": "item_id,location_id,source_id,lead_time_days\ntea,A,S,6\ntea,B,S,6\n",
        "lanes": "from_location,to_location,lead_time_days,cost_per_unit\nA,B,1,.1\n",
    }
    shop = write_tables(tmp_path / "shop", tables, f"plan_date = {DAY}\n")
    call = ["plan", str(shop), "--workers", "1", "--paths", "30", "--previous", "none", "--out"]

    def moved(name):
        assert run_plan.run([*call, str(tmp_path / "plans" / name)]) == 0
        lines = pd.read_csv(tmp_path / "plans" / name / "transfers.csv").query("status == 'proposed'")
        return lines[["from_location", "to_location", "quantity"]].to_numpy().tolist()

    first = moved("one")
    assert first and first[0][:2] == ["A", "B"]
    for command in ("approve", "publish"):
        assert run_plan.run([command, str(tmp_path / "plans" / "one"), "--author", "ben"]) == 0
    assert moved("two") == first
    told = pd.read_csv(tmp_path / "plans" / "two" / "exceptions.csv")
    assert not (told["kind"] == "conflict").any()


def test_an_approved_plan_is_not_replaced_on_the_command_line(tmp_path, capsys):
    shop, plan = tea_shop(tmp_path / "shop"), tmp_path / "plans" / "one"
    call = ["plan", str(shop), "--out", str(plan), "--workers", "1", "--paths", "20", "--previous", "none"]
    assert run_plan.run(call) == 0 and run_plan.run(["approve", str(plan), "--author", "ben"]) == 0
    before = (plan / "run.json").read_bytes()
    assert run_plan.run(call) == run_plan.Exit.USAGE
    assert "take the approval back" in " ".join(capsys.readouterr().err.split())
    assert (plan / "run.json").read_bytes() == before
