"""During the day: what is driven and aboard stays, the rest is planned anew, and every change is listed and priced."""

import json
import shutil

import pandas as pd
import pytest

import run_plan
from optimizer.plan.verify import verify_plan
from scenarios.plans import read_plan
from tests.folders import tea_shop
from tests.reports.report_cases import page_of
from tests.routing.test_routes_of_the_day import DAY, TABLES

HEAD = (
    "delivery_id,order_id,depot_id,lat,lon,service_date,weight_kg,volume_l,service_minutes,unserved_cost,state,skills"
)
# Two vans; V1 drives north to A1 to A4, V2 south to B1 to B4, each 11 km further.
ROWS = [
    f"{'AB'[side]}{n},O{side}{n},D1,{60 + (1 - 2 * side) * n / 10:.1f},25,{DAY},30,6,5,900,new,"
    for side in (0, 1)
    for n in range(1, 5)
]
VEHICLES = TABLES["vehicles"].replace("500,500", "150,500") + "V2,D1,150,500,06:00,18:00,40,0.5,20\n"
POLICY = "route_iterations = 200\n"


def company(folder, rows=ROWS, vehicles=VEHICLES, **more):
    tables = {**TABLES, "vehicles": vehicles, "deliveries": "\n".join([HEAD, *rows, ""]), **more}
    return tea_shop(folder, tables, POLICY)


def command(*arguments):
    return run_plan.run(["route", *(str(one) for one in arguments), "--workers", "1", "--previous", "none"])


@pytest.fixture(scope="module")
def morning(tmp_path_factory):
    """The plan made in the morning, and its routes by vehicle."""
    folder = tmp_path_factory.mktemp("morning")
    plan = folder / "plan"
    assert command(company(folder / "tables"), "--out", plan) == 0
    return plan


def frames(plan):
    read = read_plan(plan)
    assert verify_plan(plan) == []
    return read.frame("routes"), read.frame("route_changes").set_index("stop_id"), read.frame("exceptions")


def carriers(routes):
    stops = routes[~routes["kind"].isin(["depot", "break"])]
    return dict(zip(stops["stop_id"], stops["vehicle_id"], strict=True))


def clock_after(plan, stop, minutes):
    """The time of day some minutes after the driver leaves a stop."""
    routes = read_plan(plan).frame("routes").set_index("stop_id")
    return (routes.loc[stop, "etd"] + pd.Timedelta(minutes=minutes)).strftime("%H:%M")


def again(morning, tmp_path, rows=ROWS, now=None, *more, **tables):
    out, at = tmp_path / "again", now or clock_after(morning, "A1", 3)
    arguments = [company(tmp_path / "tables", rows, **tables), "--plan", morning, "--now", at]
    assert command(*arguments, *more, "--out", out) == 0
    return out


def test_nothing_new_changes_nothing(morning, tmp_path):
    before = read_plan(morning).frame("routes")
    routes, changes, told = frames(again(morning, tmp_path))
    assert carriers(routes) == carriers(before)
    assert set(changes["change"]) == {"same"} and (changes["cost"] == 0).all()
    pd.testing.assert_series_equal(routes["etd"], before["etd"])
    assert any(row == "changed" for row in told["kind"])


def test_what_is_driven_is_locked_and_what_is_aboard_stays(morning, tmp_path):
    rows = [*ROWS, f"N1,O9,D1,60.1,25.01,{DAY},10,6,5,900,new,"]
    routes, _, _ = frames(again(morning, tmp_path, rows))
    before = carriers(read_plan(morning).frame("routes"))
    after = carriers(routes)
    assert {stop: van for stop, van in after.items() if stop != "N1"} == before
    # A1 is done, its driver is on the way to the next stop: both are settled.
    van = routes[routes["vehicle_id"] == before["A1"]].sort_values("seq")
    assert list(van["locked"])[:3] == [True, True, True] and not van["locked"].iloc[3:].any()


def test_a_new_stop_waits_for_a_van_that_can_still_load_it(morning, tmp_path):
    rows = [*ROWS, f"N1,O9,D1,60.1,25.01,{DAY},10,6,5,900,new,"]
    # Both vans are out and load once only.
    routes, _, told = frames(again(morning, tmp_path, rows))
    assert "N1" not in carriers(routes)
    assert any("N1 is left out: every vehicle that may bring it has left" in text for text in told["text"])
    spare = VEHICLES + "V3,D1,150,500,06:00,18:00,40,0.5,20\n"
    plan = again(morning, tmp_path / "b", rows, vehicles=spare)
    routes, changes, _ = frames(plan)
    assert carriers(routes)["N1"] == "V3"
    assert (changes.loc["N1", "change"], changes.loc["N1", "new_vehicle"]) == ("new", "V3")
    # A van of its own: 40.00, 2 x 14.455 km at .50, and its time.
    assert changes.loc["N1", "cost"] > 4000 + 1445
    now = json.loads((plan / "run.json").read_text())["now"]
    assert routes.loc[routes["vehicle_id"] == "V3", "etd"].min().strftime("%H:%M") >= now
    twice = VEHICLES.replace("cost_per_hour\n", "cost_per_hour,max_trips\n").replace("0.5,20\n", "0.5,20,2\n")
    routes, changes, _ = frames(again(morning, tmp_path / "c", rows, vehicles=twice))
    van = routes[routes["stop_id"] == "N1"].iloc[0]
    assert van["trip"] == 2 and changes.loc["N1", "change"] == "new"


def test_a_cancelled_stop_goes_and_what_it_cost_comes_back(morning, tmp_path):
    routes, changes, told = frames(again(morning, tmp_path, [row for row in ROWS if not row.startswith("B4")]))
    assert "B4" not in carriers(routes)
    assert changes.loc["B4", "change"] == "gone" and pd.isna(changes.loc["B4", "new_vehicle"])
    # The way there and back again from B3 is 2 x 14.455 km.
    assert changes.loc["B4", "cost"] < -1445
    assert any("B4 is aboard" in text for text in told["text"])
    page = page_of(tmp_path / "again")
    assert ["B4", "gone"] in [row[:2] for row in page.rows["route_changes"]]


def test_a_late_van_is_late_at_every_stop_it_still_has(morning, tmp_path):
    before = read_plan(morning).frame("routes").set_index("stop_id")
    van = carriers(read_plan(morning).frame("routes"))["A1"]
    now = clock_after(morning, "A1", 23)
    _, changes, _ = frames(again(morning, tmp_path, ROWS, now, "--late", f"{van}=20"))
    later = changes[changes["change"] == "later"]
    assert set(later["new_vehicle"]) == {van}
    assert later["minutes"].to_numpy() == pytest.approx(20, abs=0.02)
    assert set(changes.loc[changes["change"] == "same", "new_vehicle"]) == set(before["vehicle_id"]) - {van}


def test_goods_aboard_come_late_rather_than_not_and_promises_elsewhere_hold(morning, tmp_path):
    before = read_plan(morning).frame("routes").set_index("stop_id")
    last = max((s for s in before.index if s.startswith("A")), key=lambda s: before.loc[s, "eta"])
    van, due = before.loc[last, "vehicle_id"], before.loc[last, "eta"] + pd.Timedelta(minutes=5)
    windows = f"delivery_id,window_start,window_end\n{last},{DAY}T06:00,{due:%Y-%m-%dT%H:%M}\n"
    now = clock_after(morning, "A1", 33)
    plan = again(morning, tmp_path, ROWS, now, "--late", f"{van}=30", delivery_windows=windows)
    routes, changes, told = frames(plan)
    assert carriers(routes)[last] == van and changes.loc[last, "change"] in {"later", "same"}
    late = told[told["kind"] == "late_stop"]
    # Whoever can still be reached in time is; nobody else is late.
    assert set(late["subject"]) <= {f"stop {last}"}


def test_a_stop_that_the_driver_says_is_done_is_done(morning, tmp_path):
    before = read_plan(morning).frame("routes")
    second = before[before["vehicle_id"] == carriers(before)["A1"]].sort_values("seq")["stop_id"].iloc[2]
    rows = [row.replace(",new,", ",done,") if row.startswith(second) else row for row in ROWS]
    routes, changes, _ = frames(again(morning, tmp_path, rows))
    assert routes.set_index("stop_id").loc[second, "locked"]
    assert second not in changes.index


def test_each_damage_to_a_plan_of_the_day_is_found(morning, tmp_path):
    from optimizer.plan.check import read_evidence
    from optimizer.plan.check_underway import check_underway

    plan = again(morning, tmp_path)
    evidence = read_evidence(plan)
    frame = evidence.frame

    def said(name, damage):
        seen = lambda table: damage(frame(table)) if table == name else frame(table)  # noqa: E731
        changed = type("Seen", (), {"world": evidence.world, "run": evidence.run, "frame": staticmethod(seen)})
        return " | ".join(str(v) for v in check_underway(changed))

    assert said("routes", lambda t: t) == ""
    hour = pd.Timedelta(hours=5)
    assert "before" in said("routes", lambda t: t.assign(etd=t["etd"].mask(~t["locked"], t["etd"] - hour)))
    other = {"V1": "V2", "V2": "V1"}
    assert "left without it" in said("routes", lambda t: t.assign(vehicle_id=t["vehicle_id"].map(other)))
    hidden = said("routes", lambda t: t.assign(vehicle_id=t["vehicle_id"].map(other), locked=True))
    assert "left without it" in hidden
    assert "is not listed" in said("route_changes", lambda t: t.iloc[1:])
    assert "does not say" in said("route_changes", lambda t: t.assign(new_eta=t["new_eta"] + hour))
    assert "is said to be" in said("route_changes", lambda t: t.assign(change="left out"))


def test_a_wrong_call_is_answered(morning, tmp_path, capsys):
    tables = company(tmp_path / "tables")
    for more, words in (
        (["--now", "9"], "HH:MM"),
        (["--now", "09:00", "--late", "V1"], "VEHICLE=MINUTES"),
        (["--now", "09:00", "--late", "V1=-5"], "0 or more"),
        (["--now", "09:00", "--late", "V9=3"], "V9 drives no route"),
    ):
        assert command(tables, "--plan", morning, *more) == run_plan.Exit.USAGE
        assert words in " ".join(capsys.readouterr().err.split())
    assert command(tables, "--now", "09:00") == run_plan.Exit.USAGE


def test_a_plan_of_the_day_appears_whole_or_not_at_all(morning, tmp_path, monkeypatch):
    import optimizer.pipeline

    def fails(*_):
        raise RuntimeError("out of light")

    out = tmp_path / "again"
    shutil.copytree(morning, out)
    monkeypatch.setattr(optimizer.pipeline, "write_reports", fails)
    tables = company(tmp_path / "tables")
    assert command(tables, "--plan", morning, "--now", "08:00", "--out", out) == run_plan.Exit.OUR_FAULT
    assert verify_plan(out) == []
    assert not read_plan(out).frame("route_changes").size
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


LOCKED_HEAD = HEAD + ",vehicle_id,sequence"


def locked_rows(locks, rows=ROWS):
    """The rows with a vehicle and a place for the stops named."""
    return [f"{row},{locks.get(row.split(',')[0], ',')}" for row in rows]


def with_locks(morning, tmp_path, locks, rows=ROWS, **tables):
    table = "\n".join([LOCKED_HEAD, *locked_rows(locks, rows), ""])
    return again(morning, tmp_path, deliveries=table, **tables)


def test_a_lock_of_goods_that_a_van_left_without_is_free_and_said(morning, tmp_path):
    van = carriers(read_plan(morning).frame("routes"))["A1"]
    rows = [*ROWS, f"N1,O9,D1,60.1,25.01,{DAY},10,6,5,900,new,"]
    routes, _, told = frames(with_locks(morning, tmp_path, {"N1": f"{van},1"}, rows))
    assert "N1" not in carriers(routes)
    assert any(f"lock of N1: {van} left without it, it is free" in text for text in told["text"])
    twice = VEHICLES.replace("cost_per_hour\n", "cost_per_hour,max_trips\n").replace("0.5,20\n", "0.5,20,2\n")
    routes, _, _ = frames(with_locks(morning, tmp_path / "b", {"N1": f"{van},1"}, rows, vehicles=twice))
    stop = routes[routes["stop_id"] == "N1"].iloc[0]
    assert (stop["vehicle_id"], stop["trip"]) == (van, 2)


def test_a_lock_of_goods_aboard_holds_behind_what_is_driven(morning, tmp_path):
    before = read_plan(morning).frame("routes")
    van = carriers(before)["A1"]
    way = list(before[(before["vehicle_id"] == van) & (before["kind"] != "depot")].sort_values("seq")["stop_id"])
    # The first is done and the second under way, whatever places they are given now.
    locks = {stop: f"{van},{9 - n}" for n, stop in enumerate(way)}
    routes, _, _ = frames(with_locks(morning, tmp_path, locks))
    now = routes[(routes["vehicle_id"] == van) & (routes["kind"] != "depot")].sort_values("seq")["stop_id"]
    assert list(now) == [*way[:2], *reversed(way[2:])]


def test_a_lock_makes_nobody_leave_before_now(morning, tmp_path):
    van = carriers(read_plan(morning).frame("routes"))["A1"]
    tables = company(tmp_path / "late", vehicles=VEHICLES.replace("06:00", "08:00"))
    assert command(tables, "--out", tmp_path / "plan") == 0
    routes, changes, _ = frames(
        with_locks(tmp_path / "plan", tmp_path, {"A4": f"{van},1", "A1": f"{van},2"}, now="07:30")
    )
    assert routes["eta"].min().strftime("%H:%M") >= "07:30"
    assert routes.set_index("stop_id").loc[["A1", "A4"], "locked"].all() and {"A1", "A4"} <= set(changes.index)


def test_the_stop_ahead_is_late_too(morning, tmp_path):
    before = read_plan(morning).frame("routes")
    van = carriers(before)["A1"]
    way = before[(before["vehicle_id"] == van) & (before["kind"] == "delivery")].sort_values("seq")
    ahead, due = way["stop_id"].iloc[1], way["eta"].iloc[1]
    windows = (
        f"delivery_id,window_start,window_end\n{ahead},{DAY}T06:00,{due + pd.Timedelta(minutes=9):%Y-%m-%dT%H:%M}\n"
    )
    now = clock_after(morning, way["stop_id"].iloc[0], 31)
    _, _, told = frames(again(morning, tmp_path, ROWS, now, "--late", f"{van}=30", delivery_windows=windows))
    assert f"stop {ahead}" in set(told.loc[told["kind"] == "late_stop", "subject"])


def test_a_driver_who_turns_round_is_nowhere_before_now(morning, tmp_path):
    before = read_plan(morning).frame("routes")
    van = carriers(before)["A1"]
    way = list(before[(before["vehicle_id"] == van) & (before["kind"] != "depot")].sort_values("seq")["stop_id"])
    now = clock_after(morning, way[0], 15)
    rows = [row for row in ROWS if not row.startswith(way[1])]
    for n, locks in enumerate(({}, {way[3]: f"{van},1"})):
        routes, _, _ = frames(with_locks(morning, tmp_path / str(n), locks, rows, now=now))
        stops = routes[(routes["vehicle_id"] == van) & (routes["kind"] != "depot")].sort_values("seq")
        assert stops["etd"].iloc[0].strftime("%H:%M") == now


BREAKS = "vehicle_id,break,earliest,latest,minutes,paid\nV1,lunch,07:00,08:00,30,false\nV2,lunch,07:00,08:00,30,false\n"


def test_a_lunch_that_was_taken_is_not_taken_again_and_not_paid(tmp_path):
    plan, tables = tmp_path / "plan", company(tmp_path / "tables", vehicle_breaks=BREAKS)
    assert command(tables, "--out", plan) == 0
    before = read_plan(plan).frame("routes")
    lunches = before[before["kind"] == "break"]
    assert len(lunches) == 2
    for minutes in (2, 40):
        # In the middle of one lunch, and after it.
        now = (lunches["eta"].min() + pd.Timedelta(minutes=minutes)).strftime("%H:%M")
        out = tmp_path / f"again{minutes}"
        assert command(tables, "--plan", plan, "--now", now, "--out", out) == 0
        routes, changes, told = frames(out)
        assert (routes["kind"] == "break").groupby(routes["route_id"]).sum().tolist() == [1, 1]
        assert set(changes["change"]) <= {"same"}
        (text,) = told.loc[told["kind"] == "changed", "text"]
        assert "cost 0.00 EUR more" in text
