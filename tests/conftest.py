"""What several rooms' tests share: one small company planned once, and where public data lie."""

import os
from pathlib import Path

import pytest

import run_plan
from scenarios.demo import Size, write_demo

REPOSITORY = Path(__file__).resolve().parent.parent


def public_data(name: str) -> Path:
    """Return the folder of a public data set, or skip the test and say why."""
    root = Path(os.environ.get("DAYPLAN_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (root / name).is_dir():
        pytest.skip(f"public data set {name} is not in {root}; set DAYPLAN_DATA to measure on it")
    return root / name


@pytest.fixture(scope="session")
def company(tmp_path_factory):
    """A small invented company with one locked line."""
    folder = tmp_path_factory.mktemp("company")
    write_demo(folder, Size(items=15, stores=2, days=150), seed=3)
    (folder / "locks.csv").write_text(
        "target,item_id,location_id,field,value,author,reason\n"
        "transfers,0001,S01,quantity,12,planner,promised to the store\n",
        encoding="utf-8",
    )
    return folder


@pytest.fixture(scope="session")
def planned(company, tmp_path_factory):
    """The plan of that company."""
    folder = tmp_path_factory.mktemp("planned") / "plan"
    assert run_plan.run(["plan", str(company), "--out", str(folder), "--workers", "1"]) == 0
    return folder
