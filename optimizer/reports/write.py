"""One call makes every file for people from a finished plan folder; called again it makes the same bytes."""

import shutil
from pathlib import Path

from optimizer.reports.dispatch import FOLDER, write_dispatch
from optimizer.reports.filter_pages import HOLDS_PAGE, SEGMENTS_PAGE, filter_pages
from optimizer.reports.forecast_page import forecast_page
from optimizer.reports.material import read_material
from optimizer.reports.page import page
from optimizer.reports.workbook import write_workbook

PAGE = "plan.html"
FORECAST_PAGE = "forecast.html"
WORKBOOK = "finance.xlsx"


def write_reports(folder: Path) -> list[str]:
    """Write the pages, finance.xlsx and, where there are routes, dispatch/ into a plan folder.

    Everything comes from the folder's tables, inputs/, run.json and certificate.json; the same folder gives the same
    bytes. Files of an earlier call are replaced. finance.xlsx is left out where the folder holds no costs.

    Returns the names of the files written, relative to `folder`. Raises FileNotFoundError where it is no plan folder.
    """
    material = read_material(folder)
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    (folder / WORKBOOK).unlink(missing_ok=True)
    (folder / PAGE).write_text(page(material), encoding="utf-8", newline="\n")
    names = [PAGE]
    (folder / FORECAST_PAGE).unlink(missing_ok=True)
    forecast = forecast_page(folder, material)
    if forecast is not None:
        (folder / FORECAST_PAGE).write_text(forecast, encoding="utf-8", newline="\n")
        names.append(FORECAST_PAGE)
    if material.has("costs"):
        write_workbook(folder / WORKBOOK, material)
        names.append(WORKBOOK)
    for name in (HOLDS_PAGE, SEGMENTS_PAGE):
        (folder / name).unlink(missing_ok=True)
    for name, text in filter_pages(material).items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
        names.append(name)
    return names + write_dispatch(folder, material)
