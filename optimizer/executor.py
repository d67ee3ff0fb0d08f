"""Who runs the parts of a computation: this process alone, or several processes with retries."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from typing import Protocol, TypeVar

S = TypeVar("S")
T = TypeVar("T")
Report = Callable[[int, int], None]


class RunAll(Protocol):
    """Runs a function on every spec and returns the results in the order of the specs."""

    def __call__(self, function: Callable[[S], T], specs: Sequence[S]) -> list[T]:
        """Return `[function(spec) for spec in specs]`, wherever each part is computed."""


def plain_loop(function: Callable[[S], T], specs: Sequence[S]) -> list[T]:
    """Run a function over specs, one after the other."""
    return [function(spec) for spec in specs]


def usable_cores() -> int:
    """Return the number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def silent(done: int, total: int) -> None:
    """Report nothing."""


@contextmanager
def run_all_on(workers: int, report: Report = silent) -> Iterator[RunAll]:
    """Yield a `RunAll` on `workers` processes; one worker, or one spec, stays in this process.

    A worker that dies loses only its part: that part is computed again, in this process. `report(done, total)` is
    called after each part. The results do not depend on the number of workers.
    """
    pool = _Pool(workers, report)
    try:
        yield pool.run
    finally:
        pool.close()


class _Pool:
    """Processes started when first needed and kept between stages."""

    def __init__(self, workers: int, report: Report) -> None:
        self._workers = workers
        self._report = report
        self._executor: ProcessPoolExecutor | None = None

    def run(self, function: Callable[[S], T], specs: Sequence[S]) -> list[T]:
        if self._workers <= 1 or len(specs) <= 1:
            return self._here(function, specs)
        done = self._there(function, specs)
        missing = [n for n in range(len(specs)) if n not in done]
        if missing:
            # A process was killed, most often for memory: one process needs least of it.
            self.close()
            done |= dict(zip(missing, self._here(function, [specs[n] for n in missing]), strict=True))
        return [done[n] for n in range(len(specs))]

    def _here(self, function: Callable[[S], T], specs: Sequence[S]) -> list[T]:
        results = []
        for done, spec in enumerate(specs, 1):
            results.append(function(spec))
            self._report(done, len(specs))
        return results

    def _there(self, function: Callable[[S], T], specs: Sequence[S]) -> dict[int, T]:
        """Return the results of the specs whose process lived, by their place."""
        if self._executor is None:
            # Spawned, not forked: a fork copies the threads' locks of the engines in an unknown state.
            self._executor = ProcessPoolExecutor(self._workers, mp_context=get_context("spawn"))
        try:
            futures = {self._executor.submit(function, spec): n for n, spec in enumerate(specs)}
        except BrokenProcessPool:
            return {}
        done: dict[int, T] = {}
        for future in as_completed(futures):
            with suppress(BrokenProcessPool):
                done[futures[future]] = future.result()
                self._report(len(done), len(specs))
        return done

    def close(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None
