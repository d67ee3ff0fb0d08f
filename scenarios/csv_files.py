"""What kind of CSV file is this? Encoding, delimiter and header, found before the engine reads it."""

import codecs
import csv
import mmap
from dataclasses import dataclass
from pathlib import Path

_BLOCK = 1 << 24
_NUL_SIGN = "␀"


@dataclass(frozen=True)
class CsvFile:
    """A CSV file ready to read as UTF-8.

    path: the file, or a converted copy of it
    header: column names, trimmed
    notices: what was unusual, in words
    """

    path: Path
    delimiter: str
    header: tuple[str, ...]
    notices: tuple[str, ...] = ()


def sniff(path: Path, scratch: Path) -> CsvFile:
    """Return how to read `path`; a file that is not clean UTF-8 is converted into the folder `scratch`.

    NUL bytes become a visible sign, so that only the rows that hold one are refused. Raises ValueError for a file
    without a header.
    """
    encoding, notices = _encoding(path)
    clean = path if not encoding else _converted(path, scratch, encoding)
    with clean.open(encoding="utf-8-sig", newline="") as lines:
        first = lines.readline()
    if not first.strip():
        raise ValueError("the file is empty; write at least the header")
    delimiter = max(",;\t|", key=first.count)
    if not first.count(delimiter):
        delimiter = ","
    header = tuple(name.strip() for name in next(csv.reader([first], delimiter=delimiter)))
    return CsvFile(clean, delimiter, header, notices)


def _encoding(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return the encoding to convert from, "" for clean UTF-8, and the notices."""
    with path.open("rb") as raw:
        mark = raw.read(4)
    if mark[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16", (f"{path.name} is UTF-16 text; it was read as such, save it as UTF-8 to be sure",)
    if not _is_utf8(path):
        return "cp1252", (f"{path.name} is not UTF-8; it was read as Windows-1252, save it as UTF-8 to be sure",)
    if _holds_nul(path):
        return "utf-8-sig", (f"{path.name} holds NUL bytes; the rows with them are refused",)
    return "", ()


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as raw:
        try:
            while block := raw.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _holds_nul(path: Path) -> bool:
    if not path.stat().st_size:
        return False
    with path.open("rb") as raw, mmap.mmap(raw.fileno(), 0, access=mmap.ACCESS_READ) as view:
        return view.find(b"\0") >= 0


def _converted(path: Path, scratch: Path, encoding: str) -> Path:
    copy = scratch / path.name
    with (
        path.open(encoding=encoding, errors="replace", newline="") as source,
        copy.open("w", encoding="utf-8", newline="") as target,
    ):
        while block := source.read(_BLOCK):
            target.write(block.replace("\0", _NUL_SIGN))
    return copy


def blank_rows(file: CsvFile) -> list[int]:
    """Return the numbers of the rows without any cell, the header being row 1; the engine skips them silently."""
    with file.path.open("rb") as raw:
        data = raw.read()
    if b"\n\n" not in data and b"\n\r\n" not in data and b"\r\r" not in data:
        return []
    del data
    csv.field_size_limit(1 << 31)
    with file.path.open(encoding="utf-8-sig", newline="") as lines:
        return [number for number, cells in enumerate(csv.reader(lines, delimiter=file.delimiter), 1) if not cells]
