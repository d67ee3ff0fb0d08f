"""What every importer writes: tables, policy.toml and ASSUMPTIONS.md, complete or not at all."""

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb


def write_folder(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    queries: Mapping[str, str],
    policy: Mapping[str, object],
    assumptions: Sequence[str],
) -> list[str]:
    """Write one Parquet file per query, with the policy and the assumptions, and return the names of the tables.

    The files appear in `folder` only after all of them are written; files of the same tables there are replaced,
    whatever their format, and others stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".import-", dir=folder))
    try:
        for name, query in queries.items():
            target = str(scratch / f"{name}.parquet").replace("'", "''")
            connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
        (scratch / "policy.toml").write_text(
            "".join(f"{k} = {_toml(v)}\n" for k, v in policy.items()), encoding="utf-8"
        )
        lines = "".join(f"- {line}\n" for line in assumptions)
        (scratch / "ASSUMPTIONS.md").write_text(f"# What the import had to assume\n\n{lines}", encoding="utf-8")
        for path in sorted(scratch.iterdir()):
            (folder / path.stem).with_suffix(".csv").unlink(missing_ok=True)
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return list(queries)


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def require_files(folder: Path, names: Sequence[str]) -> list[Path]:
    """Return the paths of `names` in `folder`; FileNotFoundError names all that are missing."""
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise FileNotFoundError(f"{folder} lacks {', '.join(missing)}")
    return [folder / name for name in names]
