"""Reads the first sheet of an XLSX file with nothing but the standard library, for tests of exports."""

from __future__ import annotations

import io
import zipfile
from typing import Any
from xml.etree import ElementTree  # noqa: S405 - what we wrote ourselves

_NS = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def read_xlsx(content: bytes) -> list[list[Any]]:
    """The rows: text as str, numbers as float; raises AssertionError for a formula or a link."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314
    assert not sheet.findall(".//m:f", _NS), "a cell is a formula"
    assert not sheet.findall(".//m:hyperlink", _NS), "a cell is a link"
    return [[_value(cell) for cell in row.findall("m:c", _NS)] for row in sheet.iter(f"{{{_NS['m']}}}row")]


def _value(cell: ElementTree.Element) -> Any:
    if cell.get("t") == "inlineStr":
        return "".join(text.text or "" for text in cell.iter(f"{{{_NS['m']}}}t"))
    return float(cell.findtext("m:v", "", _NS))
