"""Importing sessions: all or nothing, each field as the contract has it, every error at once with its line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.models import AuditEntry, ClubSession
from app.rules.statuses import Entry, RefundPolicy, SessionStatus, WaitlistPayment
from app.services.club_session_import import ImportFailed, import_sessions
from tests.support.factories import make_club_session
from tests.support.rows import all_of, count_of, the

BARE: dict[str, Any] = {
    "title": "Ngā mihi: social badminton", "starts_at": "2026-12-03T19:00:00+13:00", "ends_at": "2026-12-03T21:00:00+13:00",
    "capacity": 12,
}  # fmt: skip
FULL: dict[str, Any] = {
    **BARE, "slug": "badminton-one", "summary": "Doubles", "description": "Bring shoes.\n\nRackets are there.",
    "location": "Hall 2", "time_zone": "Australia/Sydney", "waitlist_capacity": 5, "member_price_cents": 800,
    "non_member_price_cents": 1200, "currency": "aud", "status": "draft", "entry": "application",
    "waitlist_payment": "upfront", "max_places": 3, "opens_at": "2026-11-01T00:00:00Z", "members_open_at": "2026-10-25T00:00:00Z",
    "closes_at": "2026-12-03T18:00:00+13:00", "refund_until": "2026-12-02T19:00:00+13:00",
    "refund_policy": "percentage", "refund_percent": 50, "refund_fee_cents": 200, "waitlist_members_first": "yes",
    "student_price_cents": 700, "early_price_until": "2026-11-20T00:00:00Z", "early_member_price_cents": 600,
    "early_non_member_price_cents": 1000,
}  # fmt: skip


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def written(content: str | bytes | list[Any], name: str = "sessions.json") -> Path:
        path = tmp_path / name
        text = content if isinstance(content, str | bytes) else json.dumps(content, indent=1)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


def csv_of(*rows: dict[str, Any], delimiter: str = ",") -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    lines = [delimiter.join(names)]
    lines += [delimiter.join('"' + str(row.get(name, "")).replace('"', '""') + '"' for name in names) for row in rows]
    return "\r\n".join(lines) + "\r\n"


def errors_of(path: Path) -> list[str]:
    with pytest.raises(ImportFailed) as failed:
        import_sessions(path)
    assert count_of(ClubSession) == 0 and count_of(AuditEntry) == 0, "all or nothing"
    return failed.value.errors


def test_the_least_that_is_needed_has_sensible_defaults(app: Flask, write: Any) -> None:
    assert import_sessions(write([BARE])) == ["nga-mihi-social-badminton-2026-12-03"]
    row = the(ClubSession)
    assert row.title == BARE["title"] and row.capacity == 12 and row.places_taken == 0
    assert (row.starts_at, row.ends_at) == (datetime(2026, 12, 3, 6, tzinfo=UTC), datetime(2026, 12, 3, 8, tzinfo=UTC))
    assert (row.time_zone, row.currency) == ("Pacific/Auckland", "NZD")
    assert (row.status, row.entry, row.waitlist_payment) == (SessionStatus.PUBLISHED, Entry.OPEN, WaitlistPayment.ON_OFFER)
    assert row.max_places == 1 and row.waitlist_capacity is None
    assert row.member_price_cents is None and row.non_member_price_cents is None
    assert row.opens_at is None and row.members_open_at is None and row.closes_at is None and row.refund_until is None
    assert (row.refund_policy, row.refund_percent, row.refund_fee_cents) == (RefundPolicy.FULL, 100, 0)
    assert (row.waitlist_members_first, row.early_price_until, row.student_price_cents) == (False, None, None)
    entry = the(AuditEntry)
    assert (entry.actor, entry.action, entry.subject_id) == ("command", "session_imported", row.id)


@pytest.mark.parametrize("kind", ["json", "csv", "csv;", "csv\t", "bom", "no-suffix"])
def test_every_field_arrives_from_either_format(app: Flask, write: Any, kind: str) -> None:
    if kind == "json":
        path = write([FULL])
    elif kind == "no-suffix":
        path = write([FULL], "sessions")
    elif kind == "bom":
        path = write("\ufeff" + csv_of(FULL), "sessions.csv")
    else:
        path = write(csv_of(FULL, delimiter=kind[3:] or ","), "sessions.csv")
    assert import_sessions(path) == ["badminton-one"]
    row = the(ClubSession)
    assert (row.summary, row.description, row.location) == ("Doubles", "Bring shoes.\n\nRackets are there.", "Hall 2")
    assert (row.time_zone, row.currency, row.max_places, row.waitlist_capacity) == ("Australia/Sydney", "AUD", 3, 5)
    assert (row.member_price_cents, row.non_member_price_cents) == (800, 1200)
    assert (row.status, row.entry, row.waitlist_payment) == (SessionStatus.DRAFT, Entry.APPLICATION, WaitlistPayment.UPFRONT)
    assert row.opens_at == datetime(2026, 11, 1, tzinfo=UTC) and row.members_open_at == datetime(2026, 10, 25, tzinfo=UTC)
    assert row.closes_at == datetime(2026, 12, 3, 5, tzinfo=UTC) and row.refund_until == datetime(2026, 12, 2, 6, tzinfo=UTC)
    assert (row.refund_policy, row.refund_percent, row.refund_fee_cents) == (RefundPolicy.PERCENTAGE, 50, 200)
    assert row.waitlist_members_first is True and row.early_price_until == datetime(2026, 11, 20, tzinfo=UTC)
    assert (row.student_price_cents, row.early_member_price_cents, row.early_non_member_price_cents) == (700, 600, 1000)


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
def test_a_csv_is_read_whatever_ends_its_lines_and_stands_in_its_texts(sqlite_app: Flask, write: Any, end: str) -> None:
    many = {**BARE, "summary": "Shoes; racket; water; towel; tea; cake; a friend; a mat; tape; a pen; time"}
    import_sessions(write(csv_of(many).replace("\r\n", end), "a.csv"))
    assert the(ClubSession).summary == many["summary"]


def test_an_empty_cell_and_null_are_the_default(app: Flask, write: Any) -> None:
    optional = dict.fromkeys(set(FULL) - set(BARE), "")
    import_sessions(write(csv_of({**BARE, **optional}), "a.csv"))
    import_sessions(write([{**BARE, **dict.fromkeys(optional)}]))
    first, second = ({name: getattr(row, name) for name in FULL if name != "slug"} for row in all_of(ClubSession))
    assert first == second and first["max_places"] == 1


def test_made_slugs_are_free_ones_and_fit_the_local_date(app: Flask, write: Any) -> None:
    make_club_session(slug="badminton-2026-12-03")
    late = {**BARE, "title": "Badminton", "starts_at": "2026-12-03T10:30:00Z", "ends_at": "2026-12-03T11:30:00Z"}
    slugs = import_sessions(write([late, late, {**late, "title": "卓球"}, {**late, "slug": "badminton-2026-12-03-4"}, late]))
    assert slugs == [
        "badminton-2026-12-03-2", "badminton-2026-12-03-3", "session-2026-12-03", "badminton-2026-12-03-4",
        "badminton-2026-12-03-5",
    ]  # fmt: skip


def test_a_slug_can_be_used_once(app: Flask, write: Any) -> None:
    assert errors_of(write([FULL, BARE, FULL])) == [
        "item 3 (line 39): slug: badminton-one is also the slug of item 1 (line 2)"
    ]
    import_sessions(write([FULL]))
    with pytest.raises(ImportFailed, match="there is already a session badminton-one"):
        import_sessions(write([BARE, FULL]))
    assert count_of(ClubSession) == 1


def test_every_error_of_a_csv_is_told_at_once_with_its_line(app: Flask, write: Any) -> None:
    bad = {**BARE, "title": "two\nlines"}
    text = csv_of(bad, {**BARE, "capacity": "many", "starts_at": "2026-12-03T19:00:00"}, BARE, {"title": "", "capacity": "3"})
    errors = errors_of(write(text.replace("title,", "colour,title,").replace('"two', '"x","two'), "a.csv"))
    assert errors[0] == "line 1: colour: is not a field of a session"
    assert "line 2: title: holds a line break or another character that cannot be shown" in errors
    assert [error.split(":")[0] for error in errors] == sorted(error.split(":")[0] for error in errors)
    assert any(error.startswith("line 4: ") for error in errors), "a cell of two lines counts as two"


def test_every_error_of_a_json_list_is_told_at_once_with_item_and_line(app: Flask, write: Any) -> None:
    errors = errors_of(write([BARE, {**BARE, "capacity": 1.5, "colour": "red"}, 7, {"capacity": True}]))
    assert errors == [
        "item 2 (line 8): colour: is not a field of a session",
        "item 2 (line 8): capacity: must be a whole number from 0 to 100000",
        "item 3 (line 15): must be an object with the fields of a session",
        "item 4 (line 16): title: is missing",
        "item 4 (line 16): starts_at: is missing",
        "item 4 (line 16): ends_at: is missing",
        "item 4 (line 16): capacity: must be a whole number from 0 to 100000",
    ]


@pytest.mark.parametrize(("change", "field", "words"), [
    ({"starts_at": "2026-12-03T19:00:00"}, "starts_at", "offset"),
    ({"starts_at": "tomorrow"}, "starts_at", "must be a time such as"),
    ({"starts_at": 1}, "starts_at", "must be a time such as"),
    ({"starts_at": "0001-01-01T00:00:00+13:00"}, "starts_at", "2000 and 2100"),
    ({"ends_at": "2026-12-03T19:00:00+13:00"}, "ends_at", "after starts_at"),
    ({"capacity": -1}, "capacity", "whole number"),
    ({"capacity": "1e3"}, "capacity", "whole number"),
    ({"capacity": "１２"}, "capacity", "whole number"),
    ({"capacity": 10**30}, "capacity", "whole number"),
    ({"max_places": 0}, "max_places", "from 1"),
    ({"slug": "No Spaces"}, "slug", "small letters"),
    ({"slug": "a" * 81}, "slug", "longer than 80"),
    ({"title": "x" * 201}, "title", "longer than 200"),
    ({"title": ["x"]}, "title", "must be text"),
    ({"time_zone": "Mars/Olympus"}, "time_zone", "zone such as"),
    ({"time_zone": "../../etc/passwd"}, "time_zone", "zone such as"),
    ({"currency": "XXQ"}, "currency", "three-letter"),
    ({"status": "sold"}, "status", "draft, published, cancelled, completed"),
    ({"entry": "closed"}, "entry", "open, application"),
    ({"waitlist_payment": "never"}, "waitlist_payment", "on_offer, upfront"),
    ({"non_member_price_cents": 12.5}, "non_member_price_cents", "whole number"),
    ({"non_member_price_cents": 30}, "non_member_price_cents", "less than can be charged"),
    ({"non_member_price_cents": 1205, "currency": "KWD"}, "non_member_price_cents", "multiple of 10 minor units"),
    ({"non_member_price_cents": 10050, "currency": "ISK"}, "non_member_price_cents", "multiple of 100 minor units"),
    ({"refund_fee_cents": 5, "currency": "KWD"}, "refund_fee_cents", "multiple of 10 minor units"),
    ({"member_price_cents": 1300, "non_member_price_cents": 1200}, "member_price_cents", "never pay more"),
    ({"member_price_cents": 1300}, "member_price_cents", "never pay more"),
    ({"student_price_cents": 1300, "non_member_price_cents": 1200}, "student_price_cents", "never pay more"),
    ({"early_price_until": "2026-12-01T00:00:00Z"}, "early_non_member_price_cents", "is missing"),
    ({"early_non_member_price_cents": 0}, "early_price_until", "an early price needs an end"),
    ({"early_price_until": "2026-12-04T00:00:00Z", "early_member_price_cents": 0}, "early_price_until", "after the session"),
    ({"refund_policy": "half"}, "refund_policy", "full, percentage, fee_kept, none"),
    ({"refund_policy": "percentage", "refund_until": "2026-12-01T00:00:00Z"}, "refund_percent", "is missing"),
    ({"refund_policy": "fee_kept", "refund_until": "2026-12-01T00:00:00Z"}, "refund_fee_cents", "is missing"),
    ({"refund_policy": "percentage", "refund_percent": 50}, "refund_until", "nobody gets anything back"),
    ({"refund_percent": 101}, "refund_percent", "from 0 to 100"),
    ({"refund_percent": -1}, "refund_percent", "from 0 to 100"),
    ({"refund_fee_cents": -1}, "refund_fee_cents", "whole number"),
    ({"waitlist_members_first": "perhaps"}, "waitlist_members_first", "yes or no"),
    ({"slug": "new"}, "slug", "another page"),
    ({"opens_at": "2026-12-04T00:00:00Z"}, "opens_at", "nobody could ever register"),
    ({"opens_at": "2026-12-01T00:00:00Z", "closes_at": "2026-11-30T00:00:00Z"}, "opens_at", "nobody could ever register"),
    ({"closes_at": "2026-12-05T00:00:00Z"}, "closes_at", "must not be after the session ends"),
])  # fmt: skip
def test_a_value_that_cannot_be_used_is_named_with_what_to_write(
    sqlite_app: Flask, write: Any, change: dict[str, Any], field: str, words: str
) -> None:
    (error,) = errors_of(write([{**BARE, **change}]))
    assert error.startswith(f"item 1 (line 2): {field}: ") and words in error


def test_a_fee_that_eats_a_price_is_imported_and_warned_about(
    sqlite_app: Flask, write: Any, caplog: pytest.LogCaptureFixture
) -> None:
    dear = {**FULL, "refund_policy": "fee_kept", "refund_fee_cents": 601}
    import_sessions(write([dear, {**dear, "slug": "badminton-two", "refund_fee_cents": 600}]))
    assert [record.getMessage() for record in caplog.records if "refund_fee_cents" in record.getMessage()] == [
        "item 1 (line 2): refund_fee_cents: is more than a place costs somebody, who then gets nothing back"
    ]
    assert count_of(ClubSession) == 2


@pytest.mark.parametrize(("content", "name", "words"), [
    ("", "a.csv", "no session"), ("[]", "a.json", "no session"), ("title,capacity\n", "a.csv", "no session"),
    ('{"title": "x"}', "a.json", "not a JSON list"), ("[{]", "a.json", "line 1: this is not JSON"),
    ('[{"title": "x"}\n{"title": "y"}]', "a.json", "line 2: this is not JSON: a comma"), ("[1,\n", "a.json", "line 2"),
    ('[{"title": "x"}] 7', "a.json", "behind the list"), ('[{"title": "x", "title": "y"}]', "a.json", "given twice"),
    ("[" * 100_000, "a.json", "item 1"),
    ('title,starts_at\n"x', "a.csv", "line 2: this is not CSV"), ("title,title\nx,y\n", "a.csv", "line 1: title: is there twice"),
    ("title\nx,surplus\n", "a.csv", "line 2: there are more cells than columns"),
    (b"title\nM\xe4rz\n", "a.csv", "line 2: the file is not in UTF-8"),
    (b" " * 10_000_001, "a.csv", "larger than 10 MB"),
])  # fmt: skip
def test_a_file_that_cannot_be_read_is_told_from_one_that_is_empty(
    sqlite_app: Flask, write: Any, content: str | bytes, name: str, words: str
) -> None:
    assert any(words in error for error in errors_of(write(content, name)))


def test_the_command_prints_slugs_or_errors(sqlite_app: Flask, write: Any) -> None:
    runner = sqlite_app.test_cli_runner()
    good = runner.invoke(args=["import-sessions", str(write([FULL, BARE]))])
    assert good.exit_code == 0 and good.output.splitlines() == ["badminton-one", "nga-mihi-social-badminton-2026-12-03"]
    bad = runner.invoke(args=["import-sessions", str(write([FULL]))])
    assert bad.exit_code == 1 and "there is already a session badminton-one" in bad.output
