"""The treasurer's reports: takings by session, month, kind and way to pay; the statement of a period; and their exports."""

from __future__ import annotations

from typing import Any

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _

from ...integrations.spreadsheets import Column, Table
from ...queries import desk_statement, desk_takings
from ...queries.desk_takings import NOTHING_SOLD, By, Line
from ...rules.statuses import Role
from ...security import staff_only
from . import bp
from .export_columns import amount, value
from .exporting import at, club_zone, send
from .money_words import provider_words
from .periods import Days, days
from .record_words import account_words

BY = {
    By.SESSION: _("By session"),
    By.MONTH: _("By month"),
    By.KIND: _("By kind"),
    By.PROVIDER: _("By way to pay"),
}


@bp.get("/money/takings")
@staff_only(Role.STAFF)
def money_takings() -> ResponseReturnValue:
    """What was sold, what went back, what it cost and what is left, this year unless asked otherwise."""
    asked, by = days(usually="year"), _by(request.args.get("by"))
    shown = {"asked": asked, "by": by, "choices": BY, "line_words": line_words}
    return render_template("admin/money_takings.html", sums=desk_takings.takings(asked.period, by), **shown), asked.http_status


@bp.post("/money/takings/export")
@staff_only(Role.STAFF)
def money_takings_export() -> Response:
    """The takings that the page shows, as a file."""
    asked, by = days(request.form, usually="year"), _by(request.form.get("by"))
    lines = [line for sums in desk_takings.takings(asked.period, by) for line in sums.lines]
    table = Table(_titled(gettext("Takings"), asked), _takings_columns(by), lines, club_zone())
    return send(table, f"takings-by-{by}", len(lines))


@bp.get("/money/statement")
@staff_only(Role.STAFF)
def money_statement() -> ResponseReturnValue:
    """The books of a period as the treasurer hands them in, last month's unless asked otherwise."""
    asked = days(usually="last_month")
    by_then, last = desk_statement.compared(asked.period)
    shown = {"asked": asked, "by_then": by_then, "last": last, "found": desk_statement.statements(asked.period)}
    return render_template("admin/money_statement.html", **shown), asked.http_status


@bp.post("/money/statement/export")
@staff_only(Role.STAFF)
def money_statement_export() -> Response:
    """The statement as a file, with the line that proves it."""
    asked = days(request.form, usually="last_month")
    lines = [line for s in desk_statement.statements(asked.period) for line in _with_total(s)]
    columns = [
        Column(gettext("Account"), lambda row: account_words(row.account) if row.account else gettext("Together")),
        Column(gettext("Currency"), value("currency")),
        Column(gettext("Opening"), amount("opening_cents")),
        Column(gettext("Debits"), amount("debit_cents")),
        Column(gettext("Credits"), amount("credit_cents")),
        Column(gettext("Closing"), amount("closing_cents")),
    ]
    return send(Table(_titled(gettext("Statement"), asked), columns, lines, club_zone()), "statement", len(lines))


class _InCurrency:
    """A line of the statement that knows its currency, for the columns of amounts."""

    def __init__(self, line: desk_statement.Account, currency: str) -> None:
        self._line, self.currency = line, currency

    def __getattr__(self, name: str) -> Any:
        return getattr(self._line, name)


def _with_total(statement: desk_statement.Statement) -> list[_InCurrency]:
    return [_InCurrency(line, statement.currency) for line in (*statement.accounts, statement.total)]


def _titled(words: str, asked: Days) -> str:
    return f"{words} {asked.period.first.isoformat()} {asked.period.last.isoformat()}"


def _by(asked: str | None) -> By:
    return By(asked) if asked in set(By) else By.SESSION


def line_words(line: Line) -> str:
    """What a line of the takings is about, but for a month, which is a date."""
    if line.provider is not None:
        return provider_words(line.provider)
    if line.title:
        return line.title
    return gettext("Nothing that was sold") if line.account == NOTHING_SOLD else account_words(line.account or "")


def _takings_columns(by: By) -> list[Column]:
    named = {
        By.SESSION: [Column(gettext("Session"), line_words), Column(at(_("Starts"), club_zone()), value("starts_at"))],
        By.MONTH: [Column(gettext("Month"), lambda line: line.month.strftime("%Y-%m") if line.month else "")],
        By.KIND: [Column(gettext("Kind"), line_words)],
        By.PROVIDER: [Column(gettext("Paid by"), line_words)],
    }[by]
    return [
        *named,
        Column(gettext("Currency"), value("currency")),
        Column(gettext("Sold"), amount("gross_cents")),
        Column(gettext("Given back"), amount("back_cents")),
        Column(gettext("Fees"), amount("fee_cents")),
        Column(gettext("Disputes"), amount("disputed_cents")),
        Column(gettext("Left"), amount("net_cents")),
    ]
