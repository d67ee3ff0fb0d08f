"""Parts of a computation on several processes."""

import os
from pathlib import Path

from optimizer.executor import run_all_on


def square(number):
    return number * number


def die_once(spec):
    """Kill the process that meets this spec first; a marker file tells the second time from the first."""
    number, marker = spec
    if number == 3 and not Path(marker).exists():
        Path(marker).write_text("met")
        os._exit(9)
    return number * number


def test_results_come_in_the_order_of_the_specs():
    for workers in (1, 2):
        with run_all_on(workers) as run_all:
            assert run_all(square, list(range(7))) == [n * n for n in range(7)]


def test_no_specs_give_no_results():
    with run_all_on(2) as run_all:
        assert run_all(square, []) == []


def test_a_killed_worker_loses_nothing(tmp_path):
    marker = str(tmp_path / "marker")
    with run_all_on(2) as run_all:
        assert run_all(die_once, [(n, marker) for n in range(6)]) == [n * n for n in range(6)]


def test_progress_counts_every_part():
    told = []
    with run_all_on(1, lambda done, total: told.append((done, total))) as run_all:
        run_all(square, [1, 2, 3])
    assert told == [(1, 3), (2, 3), (3, 3)]
