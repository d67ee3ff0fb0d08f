"""A plan folder appears whole or not at all."""

import errno
import os
import subprocess
import sys
import threading
import time

import pytest

import run_plan
from optimizer.plan import publish
from optimizer.plan.publish import LockedError, OccupiedError, plan_folder
from tests.conftest import REPOSITORY
from tests.folders import tea_shop


def put(target, text):
    with plan_folder(target) as folder:
        (folder / "run.json").write_text(text)
        (folder / "other.txt").write_text(text)


def test_a_plan_replaces_the_one_before(tmp_path):
    put(tmp_path / "plan", "one")
    put(tmp_path / "plan", "two")
    assert (tmp_path / "plan" / "other.txt").read_text() == "two"
    assert [p.name for p in tmp_path.iterdir()] == ["plan"]


def test_a_failure_leaves_the_plan_before_and_nothing_else(tmp_path):
    put(tmp_path / "plan", "one")
    with pytest.raises(RuntimeError, match="boom"), plan_folder(tmp_path / "plan") as folder:
        (folder / "run.json").write_text("half")
        raise RuntimeError("boom")
    assert (tmp_path / "plan" / "run.json").read_text() == "one"
    assert [p.name for p in tmp_path.iterdir()] == ["plan"]


def test_a_folder_with_other_files_is_not_touched(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep")
    with pytest.raises(OccupiedError, match="no plan"), plan_folder(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine" / "letter.txt").read_text() == "keep"


def test_of_two_runs_the_second_is_told_who_holds_the_folder(tmp_path):
    with plan_folder(tmp_path / "plan") as folder:
        (folder / "run.json").write_text("one")
        with pytest.raises(LockedError, match=str(os.getpid())), plan_folder(tmp_path / "plan"):
            pass
    assert (tmp_path / "plan" / "run.json").read_text() == "one"


def test_readers_see_one_plan_or_the_other_never_a_mix(tmp_path):
    target = tmp_path / "plan"
    put(target, "0")
    stop, mixed, seen = threading.Event(), [], set()

    def read():
        while not stop.is_set():
            folder = os.open(target, os.O_RDONLY)
            try:
                texts = []
                for name in ("run.json", "other.txt"):
                    handle = os.open(name, os.O_RDONLY, dir_fd=folder)
                    texts.append(os.read(handle, 10))
                    os.close(handle)
                seen.add(texts[0])
                if texts[0] != texts[1]:
                    mixed.append(texts)
            except FileNotFoundError:
                # The folder was opened before it was exchanged and then emptied: the reader opens the name again.
                continue
            finally:
                os.close(folder)

    reader = threading.Thread(target=read)
    reader.start()
    for n in range(1, 200):
        put(target, str(n))
    stop.set()
    reader.join()
    assert not mixed
    assert len(seen) > 1


def test_without_an_atomic_exchange_the_plan_is_still_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "_exchange", lambda one, other: False)
    put(tmp_path / "plan", "one")
    put(tmp_path / "plan", "two")
    assert (tmp_path / "plan" / "run.json").read_text() == "two"
    assert [p.name for p in tmp_path.iterdir()] == ["plan"]


def test_a_full_disk_ends_with_code_74_and_no_partial_file(tmp_path, monkeypatch, capsys):
    shop = tea_shop(tmp_path / "shop")

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "plan")

    monkeypatch.setattr("optimizer.plan.record.write_table", full)
    code = run_plan.run(["plan", str(shop), "--out", str(tmp_path / "plan"), "--workers", "1"])
    assert code == run_plan.Exit.DISK
    assert "No space left" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shop"]
    monkeypatch.undo()
    assert run_plan.run(["plan", str(shop), "--out", str(tmp_path / "plan"), "--workers", "1"]) == 0


@pytest.mark.slow
def test_a_killed_run_leaves_the_plan_before_and_the_next_run_finishes(tmp_path):
    shop, target = tea_shop(tmp_path / "shop"), tmp_path / "plan"
    command = [sys.executable, "run_plan.py", "plan", str(shop), "--out", str(target), "--workers", "1"]
    assert subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False).returncode == 0
    before = (target / "purchase_orders.csv").read_bytes()
    for delay in (1.0, 2.0, 2.5, 3.0, 3.5):
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        process.kill()
        process.wait()
        assert (target / "purchase_orders.csv").read_bytes() == before
    assert subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=False).returncode == 0
    assert (target / "purchase_orders.csv").read_bytes() == before
