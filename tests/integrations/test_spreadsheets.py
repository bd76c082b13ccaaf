"""Files for spreadsheets: no cell is a formula or a link, numbers are numbers, and fifty thousand rows do not fill the memory."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zipfile import ZipFile

import pytest

from app.integrations import spreadsheets
from app.integrations.spreadsheets import Column, Table
from tests.support.sheets import read_xlsx

DANGEROUS = ["=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r\n=1+1", " =1+1", "=HYPERLINK(\"http://x.example\")", "%0A=1",
             "|calc", "\u200b=1", "\x00=1"]  # fmt: skip
AT = datetime(2026, 3, 3, 21, 30, tzinfo=UTC)


def table(rows: Any, *names: str, zone: str = "Pacific/Auckland") -> Table:
    columns = [Column(name, lambda row, place=place: row[place]) for place, name in enumerate(names)]
    return Table("A table", columns, rows, zone)


def as_csv(made: Table) -> list[list[str]]:
    with spreadsheets.csv_file(made) as file:
        text = file.read().decode()
    assert text.startswith("\ufeff"), "Excel reads UTF-8 by this mark"
    return list(csv.reader(io.StringIO(text[1:], newline="")))


def as_xlsx(made: Table) -> list[list[Any]]:
    with spreadsheets.xlsx_file(made) as file:
        return read_xlsx(file.read())


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_text_is_a_formula(text: str) -> None:
    (_heading, (cell,)) = as_csv(table([(text,)], "Name"))
    assert cell[0] not in "=+-@|%\t\r\n" and cell.lstrip()[0] not in "=+-@|%"
    (_heading, (kept,)) = as_xlsx(table([(text,)], "Name"))
    assert kept == "".join(c for c in text if c.isprintable() or c == "\n").strip(), "a string cell, whatever it begins with"


@pytest.mark.parametrize("blank", ["\u3000", "\xa0", "\t", "\r"])
def test_what_parts_two_words_still_parts_them(blank: str) -> None:
    made = table([(f"山田{blank}太郎{blank}",)], "Name")
    assert as_csv(made)[1] == as_xlsx(made)[1] == ["山田 太郎"]


def test_the_twin_without_the_defence_writes_the_formula() -> None:
    plain = io.StringIO()
    csv.writer(plain).writerow(["=1+1"])
    assert plain.getvalue().startswith("=")


def test_an_address_is_no_link_and_a_number_in_text_stays_text() -> None:
    assert as_xlsx(table([("https://x.example", "0042")], "A", "B"))[1] == ["https://x.example", "0042"]


def test_amounts_are_numbers_with_their_currencys_digits() -> None:
    rows = [(Decimal("12.00"), Decimal("-5.50"), Decimal("1200"), Decimal("1.234"), 7, None)]
    names = "ABCDEF"
    assert as_csv(table(rows, *names))[1] == ["12.00", "-5.50", "1200", "1.234", "7", ""]
    assert as_xlsx(table(rows, *names))[1] == [12.0, -5.5, 1200.0, 1.234, 7.0]


def test_moments_are_shown_by_the_clock_of_the_zone() -> None:
    assert as_csv(table([(AT,)], "When"))[1] == ["2026-03-04 10:30:00"]
    (serial,) = as_xlsx(table([(AT,)], "When"))[1]
    assert serial == pytest.approx(46085.4375), "4 March 2026, half past ten, as spreadsheets count"


def test_words_of_every_language_survive() -> None:
    assert as_csv(table([("Mere Tūhoe 王, \"x\"\nline",)], "Name"))[1] == ["Mere Tūhoe 王, \"x\"\nline"]


@pytest.mark.parametrize(("title", "name"), [
    ("x" * 40, "x" * 31), ("🏸" * 20, "🏸" * 15), ("x" * 30 + "🏸", "x" * 30), ("[]:*?/\\'", "Export"),
    (" Fun? " + "x" * 40, "Fun " + "x" * 26),
])  # fmt: skip
def test_a_sheet_has_no_more_of_its_title_than_excel_takes(title: str, name: str) -> None:
    with spreadsheets.xlsx_file(Table(title, [Column("Name", lambda row: row)], ["Ana"], "UTC")) as file, ZipFile(file) as book:
        assert f'<sheet name="{name}" ' in book.read("xl/workbook.xml").decode()


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_many_rows_take_little_memory(form: str) -> None:
    def rows() -> Iterator[tuple[str, Decimal]]:
        for n in range(20_000):
            yield f"Person {n} with a name of some length", Decimal("12.00")

    made = table(rows(), "Name", "Amount")
    tracemalloc.start()
    try:
        with spreadsheets.csv_file(made) if form == "csv" else spreadsheets.xlsx_file(made) as file:
            assert file.seek(0, io.SEEK_END) > 90_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000, f"{peak} bytes for 20,000 rows"
