"""The file of all measurements, and where public data lie."""

import csv
import datetime
import os
import resource
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
RECORDS = Path(__file__).with_name("records.csv")
FIELDS = ("date", "commit", "case", "seconds", "objective", "bound", "gap", "memory")


def data_folder(name: str) -> Path:
    """Return the folder of a public data set; without it the benchmark says so and ends."""
    root = Path(os.environ.get("DAYPLAN_DATA", ROOT.parent / "shared" / "data"))
    if not (root / name).is_dir():
        sys.exit(f"skipped: public data set {name} is not in {root}; set DAYPLAN_DATA")
    return root / name


def append_record(case: str, seconds: float | None = None, **figures: float) -> None:
    """Append one measurement; memory is the peak of this process in MB."""
    row = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "commit": _commit(),
        "case": case,
        "seconds": "" if seconds is None else f"{seconds:.1f}",
        "memory": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f}",
        **{name: f"{value:.6g}" for name, value in figures.items()},
    }
    fresh = not RECORDS.exists()
    with RECORDS.open("a", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerow(row)


def tell_gains(case: str, ours: str, money: Mapping[str, np.ndarray], seconds: float) -> None:
    """Print and append how much more one way earns than each other, with 95 % intervals over the seeds."""
    seeds = len(money[ours])
    for name, values in money.items():
        if name == ours:
            continue
        gain = money[ours] / values - 1.0
        half = 1.96 * gain.std(ddof=1) / np.sqrt(seeds)
        print(f"{name:>22}: {values.mean():14,.0f}   {ours} earns {gain.mean():+7.2%} ± {half:.2%}")
        append_record(
            f"{case}: {ours} above {name}, {seeds} seeds", seconds, objective=float(gain.mean()), bound=float(half)
        )


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
