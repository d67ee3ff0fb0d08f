"""One call makes every file for people from a finished plan folder; called again it makes the same bytes."""

import shutil
from pathlib import Path

from optimizer.reports.dispatch import FOLDER, write_dispatch
from optimizer.reports.material import read_material
from optimizer.reports.page import page
from optimizer.reports.workbook import write_workbook

PAGE = "plan.html"
WORKBOOK = "finance.xlsx"


def write_reports(folder: Path) -> list[str]:
    """Write plan.html, finance.xlsx and, where there are routes, dispatch/ into a plan folder.

    Everything comes from the folder's tables, inputs/, run.json and certificate.json; the same folder gives the same
    bytes. Files of an earlier call are replaced. finance.xlsx is left out where the folder holds no costs.

    Returns the names of the files written, relative to `folder`. Raises FileNotFoundError where it is no plan folder.
    """
    material = read_material(folder)
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    (folder / WORKBOOK).unlink(missing_ok=True)
    (folder / PAGE).write_text(page(material), encoding="utf-8", newline="\n")
    names = [PAGE]
    if material.has("costs"):
        write_workbook(folder / WORKBOOK, material)
        names.append(WORKBOOK)
    return names + write_dispatch(folder, material)
