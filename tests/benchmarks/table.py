"""A table of figures as text that also reads as Markdown. Called by the benchmarks."""

from __future__ import annotations


class Table:
    """Rows of words under headings."""

    def __init__(self, title: str, headings: list[str]) -> None:
        self._title, self._rows = title, [headings]

    def row(self, *cells: object) -> None:
        self._rows.append([str(cell) for cell in cells])

    def __str__(self) -> str:
        widths = [max(len(row[column]) for row in self._rows) for column in range(len(self._rows[0]))]
        lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in self._rows]
        lines.insert(1, " | ".join("-" * width for width in widths))
        return "\n".join([f"\n### {self._title}\n", *(f"| {line} |" for line in lines)])
