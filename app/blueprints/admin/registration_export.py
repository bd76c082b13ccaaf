"""The bookings of a session, or of all sessions, as a file: exactly what the list's search and filter show, all pages of it."""

from __future__ import annotations

from typing import Any

from flask import Response, abort
from flask_babel import gettext as _

from ...integrations.spreadsheets import Column, Table
from ...queries import desk_registrations, desk_sessions, questions
from ...queries.desk_registrations import Sort
from ...rules.statuses import Role
from ...security import staff_only
from . import bp
from .export_columns import amount, value
from .exporting import at, club_zone, send
from .money_words import BOOKING_PAYMENTS, BOOKINGS
from .registrations import asked_for


@bp.post("/sessions/<slug:slug>/export")
@staff_only(Role.STAFF)
def session_export(slug: str) -> Response:
    """Times are by the session's own clock. Staff only: the list has everybody's address."""
    club_session = desk_sessions.one(slug) or abort(404)
    asked, zone = asked_for(), club_session.time_zone
    columns = [*_columns(zone), *_answers(questions.answer_columns(desk_registrations.answers(slug, asked)))]
    table = Table(club_session.title, columns, desk_registrations.every(slug, asked), zone)
    rows = desk_registrations.count(slug, asked)
    return send(table, "registrations", rows, narrowed=bool(asked.text or asked.status), slug=slug)


@bp.post("/registrations/export")
@staff_only(Role.STAFF)
def registrations_export() -> Response:
    """Times are by the club's clock. What people answered is in the exports of their sessions, whose questions differ."""
    asked, zone = asked_for(Sort.NEWEST), club_zone()
    about = [Column(_("Session"), value("title")), Column(at(_("Starts"), zone), value("starts_at"))]
    table = Table(_("Bookings"), [*about, *_columns(zone)], desk_registrations.every(None, asked), zone)
    return send(table, "bookings", desk_registrations.count(None, asked), narrowed=bool(asked.text or asked.status))


def _answers(asked: dict[str, str]) -> list[Column]:
    """A column for each question that any of them answered, under its words."""

    def column(key: str) -> Column:
        return Column(asked[key], lambda row: questions.answers_in(row.answers, [key])[0])

    return [column(key) for key in asked]


def _yes(row: Any) -> str:
    return str(_("Yes") if row.is_member else _("No"))


def _columns(zone: str) -> list[Column]:
    return [
        Column(_("Reference"), value("reference")),
        Column(_("Name"), value("name")),
        Column(_("E-mail"), value("email")),
        Column(_("Places"), value("places")),
        Column(_("State"), lambda row: str(BOOKINGS[row.status])),
        Column(_("Payment"), lambda row: str(BOOKING_PAYMENTS[row.payment_status])),
        Column(_("Currency"), value("currency")),
        Column(_("Price"), amount("price_cents")),
        Column(_("Paid"), amount("amount_paid_cents")),
        Column(_("Given back"), amount("refunded_cents")),
        Column(_("Member"), _yes),
        Column(at(_("Booked"), zone), value("created_at")),
        Column(at(_("Ticked in"), zone), value("checked_in_at")),
    ]
