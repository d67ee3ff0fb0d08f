"""Same input, same seed: the same bytes of every table, whatever the workers, the order of rows, the hash seed."""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

import run_plan
from scenarios.demo import Size, write_demo
from tests.conftest import REPOSITORY


def tables_of(folder):
    names = [p for p in folder.rglob("*") if p.is_file() and p.name != "run.json"]
    return {str(p.relative_to(folder)): p.read_bytes() for p in names}


def test_shuffled_rows_give_the_same_bytes(company, planned, tmp_path):
    shuffled = tmp_path / "shuffled"
    shuffled.mkdir()
    rng = np.random.default_rng(0)
    for path in company.glob("*.csv"):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        frame.iloc[rng.permutation(len(frame))].to_csv(shuffled / path.name, index=False)
    (shuffled / "policy.toml").write_bytes((company / "policy.toml").read_bytes())
    assert run_plan.run(["plan", str(shuffled), "--out", str(tmp_path / "plan"), "--workers", "1"]) == 0
    assert tables_of(tmp_path / "plan") == tables_of(planned)


def test_parquet_tables_give_the_same_bytes_as_csv(company, planned, tmp_path):
    other = tmp_path / "parquet"
    other.mkdir()
    for path in company.glob("*.csv"):
        ids = dict.fromkeys(("item_id", "location_id", "source_id", "order_id", "scope_id"), str)
        pd.read_csv(path, dtype=ids).to_parquet(other / f"{path.stem}.parquet", index=False)
    (other / "policy.toml").write_bytes((company / "policy.toml").read_bytes())
    assert run_plan.run(["plan", str(other), "--out", str(tmp_path / "plan"), "--workers", "1"]) == 0
    assert tables_of(tmp_path / "plan") == tables_of(planned)


def test_two_workers_and_another_hash_seed_give_the_same_bytes(company, planned, tmp_path):
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    command = [sys.executable, "run_plan.py", "plan", str(company), "--out", str(tmp_path / "plan"), "--workers", "2"]
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert tables_of(tmp_path / "plan") == tables_of(planned)


def test_another_seed_gives_other_paths(company, planned, tmp_path):
    assert run_plan.run(["plan", str(company), "--out", str(tmp_path / "plan"), "--workers", "1", "--seed", "9"]) == 0
    assert tables_of(tmp_path / "plan")["projection.parquet"] != tables_of(planned)["projection.parquet"]


@pytest.mark.slow
def test_a_wheel_plans_with_two_workers_in_another_folder(tmp_path):
    # Large enough that both the forecast and the orders are handed out in several parts.
    company, here = tmp_path / "company", tmp_path / "here"
    write_demo(company, Size(items=640, stores=4, days=60))
    with (company / "policy.toml").open("a", encoding="utf-8") as policy:
        policy.write("paths = 40\n")
    assert run_plan.run(["plan", str(company), "--out", str(here), "--workers", "1"]) == 0
    build = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", str(tmp_path), "."]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    wheel = next(tmp_path.glob("dayplan-*.whl"))
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "-q", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [
        sys.executable,
        "-m",
        "run_plan",
        "plan",
        str(company),
        "--out",
        str(tmp_path / "plan"),
        "--workers",
        "2",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert tables_of(tmp_path / "plan") == tables_of(here)
