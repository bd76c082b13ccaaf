"""Revision 0016: down and up again, sessions stay; a code outside its limits is refused by the database itself."""

from __future__ import annotations

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError

from app.extensions import db
from app.models import ClubSession, Voucher
from app.rules.vouchers import VoucherKind, VoucherScope
from tests.support.database import MIGRATIONS
from tests.support.factories import make_club_session, make_voucher
from tests.support.rows import count_of, the


def test_down_and_up_again_keeps_the_sessions(app: Flask) -> None:
    session = make_club_session(slug="walk")
    make_voucher(scope=VoucherScope.SESSION, club_session_id=session.id)
    db.session.remove()
    flask_migrate.downgrade(directory=MIGRATIONS, revision="0015")
    flask_migrate.upgrade(directory=MIGRATIONS, revision="head")
    assert (the(ClubSession).slug, count_of(Voucher)) == ("walk", 0)


@pytest.mark.parametrize(
    "values",
    [
        {"code": "summer"}, {"percent": None}, {"percent": 0}, {"percent": 101}, {"uses": -1}, {"uses": 2, "max_uses": 1},
        {"kind": VoucherKind.FREE}, {"kind": VoucherKind.AMOUNT, "percent": None}, {"max_uses": 0}, {"max_uses_each": 0},
        {"scope": VoucherScope.SESSION}, {"scope": VoucherScope.KIND}, {"amount_cents": 5, "currency": "NZD"},
        {"kind": VoucherKind.AMOUNT, "percent": None, "amount_cents": 0, "currency": "NZD"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_code_is_refused_by_the_database(app: Flask, values: dict[str, object]) -> None:
    with pytest.raises(IntegrityError):
        make_voucher(**values)
