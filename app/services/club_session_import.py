"""Adds club sessions from a file, all of them or none, and says everything that is wrong with it at once.

Called by `flask import-sessions`. The file is a JSON list of objects or a CSV with a header; the fields and their defaults are
those of club_session_fields. A session that names its slug cannot be imported twice; one that does not gets a free one.
"""

from __future__ import annotations

import csv
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from flask import current_app
from flask_babel import gettext as _  # type: ignore[import-untyped]
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from ..config import current_settings
from ..models import ClubSession
from ..transaction import retried, transaction
from . import audit
from .club_session_fields import NAMES, ClubSessionFields, FieldsRefused, check_fields, warnings

LARGEST = 10_000_000
_WHITE = re.compile(r"\s*")


class ImportFailed(Exception):
    """Nothing was imported. ``errors``: one line of words for each thing to put right, in the order of the file."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class _Row:
    """One session of the file as it stands there; ``place`` tells people where, ``broken`` why it cannot be read at all."""

    place: str
    values: dict[str, object]
    broken: str = ""


@dataclass(frozen=True, slots=True)
class _Checked:
    place: str
    fields: ClubSessionFields


def import_sessions(path: Path, *, actor: str = audit.COMMAND) -> list[str]:
    """Import the file and return the slugs in its order. Raises ImportFailed, and then nothing was written."""
    rows = _rows(path)
    settings = current_settings()
    checked: list[_Checked] = []
    errors: list[str] = []
    for row in rows:
        if row.broken:
            errors.append(f"{row.place}: {row.broken}")
            continue
        try:
            fields = check_fields(row.values, time_zone=settings.time_zone, currency=settings.currency)
        except FieldsRefused as refused:
            errors += [f"{row.place}: {problem.field}: {problem.text}" for problem in refused.problems]
        else:
            checked.append(_Checked(row.place, fields))
            for warning in warnings(fields):
                current_app.logger.warning("%s: %s: %s", row.place, warning.field, warning.text)
    return _write(checked, errors, actor)


@retried
def _write(checked: list[_Checked], errors: list[str], actor: str) -> list[str]:
    with transaction() as db:
        taken = set(db.execute(select(ClubSession.slug)).scalars())
        if found := [*errors, *_slugs_taken(checked, taken)]:
            raise ImportFailed(found)
        taken |= {row.fields.slug for row in checked}
        return [_insert(db, row.fields, taken, actor) for row in checked]


def _slugs_taken(checked: list[_Checked], taken: set[str]) -> Iterator[str]:
    places: dict[str, str] = {}
    for row in checked:
        slug = row.fields.slug
        if slug in taken:
            yield f"{row.place}: slug: " + _("there is already a session %(slug)s", slug=slug)
        elif slug in places:
            yield f"{row.place}: slug: " + _("%(slug)s is also the slug of %(place)s", slug=slug, place=places[slug])
        elif slug:
            places[slug] = row.place


def _insert(db: Session, fields: ClubSessionFields, taken: set[str], actor: str) -> str:
    slug = fields.slug or _free_slug(fields, taken)
    taken.add(slug)
    statement = insert(ClubSession).values({**asdict(fields), "slug": slug}).returning(ClubSession.id)
    audit.record(db, actor, "session_imported", "club_session", db.execute(statement).scalar_one(), slug=slug)
    return slug


def _free_slug(fields: ClubSessionFields, taken: set[str]) -> str:
    """Title and local date, with a number behind it when that is taken."""
    plain = unicodedata.normalize("NFKD", fields.title).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", plain)[:60].strip("-") or "session"
    base = f"{name}-{fields.starts_at.astimezone(ZoneInfo(fields.time_zone)):%Y-%m-%d}"
    number, slug = 1, base
    while slug in taken:
        number += 1
        slug = f"{base}-{number}"
    return slug


def _rows(path: Path) -> list[_Row]:
    """The file's sessions, whichever format it is in; raises ImportFailed for a file that is neither."""
    content = path.read_bytes()
    if len(content) > LARGEST:
        raise ImportFailed([_("The file is larger than 10 MB.")])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ImportFailed([_("line %(line)s: the file is not in UTF-8; save it as UTF-8 and try again", line=line)]) from None
    is_json = path.suffix.lower() == ".json" or (path.suffix.lower() != ".csv" and text.lstrip()[:1] in ("[", "{"))
    rows = list(_from_json(text) if is_json else _from_csv(text))
    if not rows:
        raise ImportFailed([_("There is no session in this file.")])
    return rows


def _from_json(text: str) -> Iterator[_Row]:
    """Each object of the list with its number and line; read one by one, because that is how the line is known."""
    decoder = json.JSONDecoder(object_pairs_hook=_no_name_twice)
    at = _skip(text, 0)
    if text[at : at + 1] != "[":
        raise ImportFailed([_("The file is not a JSON list: it must begin with [ and hold one object for each session.")])
    at, number = _skip(text, at + 1), 0
    while text[at : at + 1] != "]":
        number += 1
        line = text.count("\n", 0, at) + 1
        place = _("item %(number)s (line %(line)s)", number=number, line=line)
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            raise ImportFailed([_("line %(line)s: this is not JSON: %(what)s", line=error.lineno, what=error.msg)]) from None
        except (ValueError, RecursionError) as error:
            raise ImportFailed([f"{place}: {error}"]) from None
        if isinstance(value, dict):
            yield _Row(place, value)
        else:
            yield _Row(place, {}, _("must be an object with the fields of a session"))
        at = _skip(text, at)
        if text[at : at + 1] not in (",", "]"):
            line = text.count("\n", 0, at) + 1
            raise ImportFailed([_("line %(line)s: this is not JSON: a comma or ] is missing", line=line)])
        at = _skip(text, at + 1) if text[at] == "," else at
    if text[at + 1 :].strip():
        raise ImportFailed([_("line %(line)s: there is something behind the list", line=text.count("\n", 0, at) + 1)])


def _skip(text: str, at: int) -> int:
    match = _WHITE.match(text, at)
    return match.end() if match else at


def _no_name_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) < len(pairs):
        raise ValueError(_("a field is given twice"))
    return values


def _from_csv(text: str) -> Iterator[_Row]:
    """Each line with cells; commas, semicolons or tabs between them, as spreadsheets write them."""
    header_line = text.replace("\r", "\n").partition("\n")[0]
    delimiter = max(",;\t", key=header_line.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    began = 1
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        yield from _header_problems(header)
        began = reader.line_num + 1
        for cells in reader:
            if any(cell.strip() for cell in cells):
                surplus = _("there are more cells than columns") if any(c.strip() for c in cells[len(header) :]) else ""
                values: dict[str, object] = {name: cell for name, cell in zip(header, cells, strict=False) if name in NAMES}
                yield _Row(_("line %(line)s", line=began), values, surplus)
            began = reader.line_num + 1
    except csv.Error as error:
        raise ImportFailed([_("line %(line)s: this is not CSV: %(what)s", line=began, what=error)]) from None


def _header_problems(header: list[str]) -> Iterator[_Row]:
    """Each column that is no field, or is there twice. A column without a name is what a spreadsheet leaves over: ignored."""
    place = _("line %(line)s", line=1)
    for name in dict.fromkeys(filter(None, header)):
        if name not in NAMES:
            yield _Row(place, {}, f"{name}: " + _("is not a field of a session"))
        elif header.count(name) > 1:
            yield _Row(place, {}, f"{name}: " + _("is there twice"))
