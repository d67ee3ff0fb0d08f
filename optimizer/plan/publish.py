"""A plan folder appears whole or not at all, and the one before it stays readable until then."""

import ctypes
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from optimizer.plan.ledger import Ledger, ledger_beside, status_of

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2


class LockedError(Exception):
    """Another run is writing the same plan folder."""


class OccupiedError(Exception):
    """The folder holds something that is no plan."""


@contextmanager
def plan_folder(target: Path) -> Iterator[Path]:
    """Yield an empty hidden folder that takes the place of `target` when the block ends without an error.

    Raises LockedError while another run writes the same target, OccupiedError where `target` holds other files or
    people have approved what is there; its name stays taken when a published folder is gone.
    """
    target = target.absolute()
    _refuse_approved(target)
    if target.exists() and not _may_replace(target):
        raise OccupiedError(f"{target} holds files that are no plan; name another folder or empty it")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _lock(target):
        scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        scratch.chmod(0o755)
        try:
            yield scratch
            _sync(scratch)
            # It may have been approved since; under the lock nobody can do so now.
            _refuse_approved(target)
            _put(scratch, target)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _refuse_approved(target: Path) -> None:
    status = status_of(Ledger(ledger_beside(target)).events(), target.name)
    if status == "approved":
        raise OccupiedError(f"{target} is approved as it is; take the approval back (undo), or name another folder")
    if status != "proposed":
        raise OccupiedError(f"{target} is {status} and never changes; name another folder")


@contextmanager
def unwritten(target: Path) -> Iterator[None]:
    """Hold off whoever would write a plan folder. Raises LockedError while another run writes it."""
    with _lock(target.absolute()):
        yield


def _may_replace(target: Path) -> bool:
    return target.is_dir() and (not any(target.iterdir()) or (target / "run.json").exists())


@contextmanager
def _lock(target: Path) -> Iterator[None]:
    path = target.parent / f".{target.name}.lock"
    with _locked_file(path) as file:
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


@contextmanager
def _locked_file(path: Path) -> Iterator[TextIO]:
    while True:
        with path.open("a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "?"
                raise LockedError(f"process {holder} is writing {path.parent}; wait for it or end it") from None
            # The holder before may have removed the file between our opening and our locking it.
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield file
                return


def _sync(folder: Path) -> None:
    """Force files and folders to the disk, so that the rename never outlives their content."""
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _put(scratch: Path, target: Path) -> None:
    """Move the finished folder to its name; an older one is exchanged in one step, so that readers see either."""
    if not target.exists():
        scratch.rename(target)
        return
    if _exchange(scratch, target):
        return
    # No exchange on this system: the old plan keeps a visible name until the new one has its own.
    old = target.with_name(f"{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    target.rename(old)
    scratch.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders atomically; False where the system has no such call."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    number = ctypes.get_errno()
    if number in {errno.ENOSYS, errno.EINVAL}:
        return False
    raise OSError(number, os.strerror(number), str(other))
