"""Tables as CSV and XLSX files: safe to open in a spreadsheet, and of bounded memory however many rows they have.

Called by the desk's exports. Text is never a formula or a link; numbers are numbers; moments are shown by the clock of one zone,
which their heading names.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any
from zoneinfo import ZoneInfo

from defusedcsv import csv  # type: ignore[import-untyped]

Cell = str | int | Decimal | date | datetime | None
"""A Decimal is an amount with as many digits as its currency has; a datetime is an aware moment."""

BOM = "\ufeff"
"""Without it Excel takes UTF-8 for another encoding, and Tūhoe for TÅ«hoe."""
LONGEST_CELL = 32_767
LONGEST_SHEET_NAME = 31
WIDEST = 50
LOCAL = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, and how a row is read for it."""

    heading: str
    read: Callable[[Any], Cell]


@dataclass(frozen=True, slots=True)
class Table:
    """What an export holds. ``rows`` is read once, while the file is written; ``zone`` is whose clock its moments show."""

    title: str
    columns: Sequence[Column]
    rows: Iterable[Any]
    zone: str

    @property
    def headings(self) -> list[str]:
        """The first row; some of it may be what somebody typed, so it is no safer than the rest."""
        return [_printable(column.heading) for column in self.columns]

    def cells(self) -> Iterator[list[Cell]]:
        """Row by row what stands in the file; text without the blanks and control characters that could hide a formula."""
        zone = ZoneInfo(self.zone)
        for row in self.rows:
            yield [_plain(column.read(row), zone) for column in self.columns]


def csv_file(table: Table) -> IO[bytes]:
    """The CSV in a temporary file that is gone once it is closed; at its beginning.

    A file and not a stream, so that somebody who reads slowly keeps no connection to the database.
    """

    def write(file: IO[bytes]) -> None:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        text.write(BOM)
        writer = csv.writer(text)
        writer.writerow(table.headings)
        for cells in table.cells():
            writer.writerow([cell.strftime(LOCAL) if isinstance(cell, datetime) else cell for cell in cells])
        text.detach()

    return _written(write)


def xlsx_file(table: Table) -> IO[bytes]:
    """The workbook, written row by row to a temporary file that is gone once it is closed; at its beginning."""
    import xlsxwriter  # type: ignore[import-untyped]  # here: most processes never write one

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}

    def write(file: IO[bytes]) -> None:
        with xlsxwriter.Workbook(file, options) as workbook:
            _fill(workbook, workbook.add_worksheet(_sheet_name(table.title)), table)

    return _written(write)


def _written(write: Callable[[IO[bytes]], None]) -> IO[bytes]:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever sends it closes it
    try:
        write(file)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def _fill(workbook: Any, sheet: Any, table: Table) -> None:
    bold = workbook.add_format({"bold": True, "bottom": 1})
    formats: dict[str, Any] = {}

    def number_format(pattern: str) -> Any:
        if pattern not in formats:  # each one that is made is kept by the workbook
            formats[pattern] = workbook.add_format({"num_format": pattern})
        return formats[pattern]

    sheet.freeze_panes(1, 0)
    for place, heading in enumerate(table.headings):
        sheet.set_column(place, place, min(max(len(heading) + 2, 12), WIDEST))
        sheet.write_string(0, place, heading, bold)
    for line, cells in enumerate(table.cells(), start=1):
        for place, cell in enumerate(cells):
            if isinstance(cell, str):
                sheet.write_string(line, place, cell[:LONGEST_CELL])
            elif isinstance(cell, Decimal):
                sheet.write_number(line, place, float(cell), number_format(_digits(cell)))
            elif isinstance(cell, datetime):
                sheet.write_datetime(line, place, cell, number_format("yyyy-mm-dd hh:mm:ss"))
            elif isinstance(cell, date):
                sheet.write_datetime(line, place, datetime(cell.year, cell.month, cell.day), number_format("yyyy-mm-dd"))
            elif cell is not None:
                sheet.write_number(line, place, cell)


def _plain(cell: Cell, zone: ZoneInfo) -> Cell:
    if isinstance(cell, datetime):
        return cell.astimezone(zone).replace(tzinfo=None, microsecond=0)
    return _printable(cell) if isinstance(cell, str) else cell


def _printable(text: str) -> str:
    """A blank of another kind (a tab, the wide one between Japanese names) is a plain one, so that no words grow together."""
    text = text.replace("\r\n", "\n")
    return "".join(c if c.isprintable() or c == "\n" else " " if c.isspace() else "" for c in text).strip()


def _digits(amount: Decimal) -> str:
    """The format that shows an amount with its currency's digits: 0.00 for dollars, 0 for yen."""
    digits = -int(amount.as_tuple().exponent)
    return "#,##0" + ("." + "0" * digits if digits > 0 else "")


def _sheet_name(title: str) -> str:
    """Excel allows 31 characters, and some not; it counts in UTF-16, where an emoji is two."""
    allowed = "".join(c for c in title if c not in "[]:*?/\\'")
    return allowed.encode("utf-16-le")[:LONGEST_SHEET_NAME * 2].decode("utf-16-le", "ignore").strip() or "Export"
