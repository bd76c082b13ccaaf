"""Codes made, changed and ended by staff, each change on the record. Called by the desk; what was sold stays as it was sold.

A code is never deleted: receipts name it. Its limit cannot be set below the uses it has, which the database refuses too.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from .. import clock
from ..models import ClubSession, Voucher
from ..rules import vouchers as rules
from ..rules.refusals import InvalidInput, words
from ..rules.statuses import ItemKind
from ..rules.vouchers import VoucherKind, VoucherScope
from ..transaction import retried, transaction
from . import audit
from .writes import insert_once

MOST_CENTS = 100_000_000


@dataclass(frozen=True, slots=True)
class VoucherFields:
    """A code as asked for; what does not belong to its kind or scope is None."""

    kind: VoucherKind
    percent: int | None = None
    amount_cents: int | None = None
    currency: str | None = None
    scope: VoucherScope = VoucherScope.EVERYTHING
    item_kind: ItemKind | None = None
    club_session_id: int | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    members_only: bool = False
    max_uses: int | None = None
    max_uses_each: int | None = None


@retried
def create(code: str, fields: VoucherFields, actor: str) -> int:
    """Make a code; its id. Raises InvalidInput."""
    code = rules.normalise(code)
    if not rules.CODE.fullmatch(code):
        raise InvalidInput("code", words("Enter a code of 3 to 40 letters, digits and hyphens."))
    _check(fields)
    with transaction() as db:
        _check_session(db, fields)
        if not insert_once(db, Voucher, Voucher.code, code=code, **asdict(fields)):
            raise InvalidInput("code", words("There is a code of this name already. Choose another."))
        voucher_id = db.execute(select(Voucher.id).where(Voucher.code == code)).scalar_one()
        audit.record(db, actor, "code_created", "voucher", voucher_id, code=code, fields=_json(asdict(fields)))
        return int(voucher_id)


@retried
def edit(voucher_id: int, fields: VoucherFields, actor: str) -> None:
    """Change a code for those who use it from now on. Raises InvalidInput."""
    _check(fields)
    with transaction() as db:
        _check_session(db, fields)
        _write(db, voucher_id, asdict(fields), actor, "code_edited")


@retried
def end(voucher_id: int, actor: str) -> None:
    """Nobody can use it from now on. What was sold with it stays."""
    with transaction() as db:
        _write(db, voucher_id, {"ends_at": clock.now()}, actor, "code_ended")


def _write(db: Session, voucher_id: int, values: dict[str, Any], actor: str, action: str) -> None:
    statement = select(Voucher).where(Voucher.id == voucher_id).with_for_update().execution_options(populate_existing=True)
    before = db.execute(statement).scalar_one_or_none()
    if before is None:
        raise InvalidInput(None, words("There is no such code."))
    most = values.get("max_uses")
    if most is not None and most < before.uses:
        raise InvalidInput("max_uses", words("It has been used more often than that already."))
    then = {name: getattr(before, name) for name in values}
    changes = {name: value for name, value in values.items() if value != then[name]}
    if changes:
        db.execute(update(Voucher).where(Voucher.id == voucher_id).values(changes).execution_options(synchronize_session=False))
        old, new = _json({name: then[name] for name in changes}), _json(changes)
        audit.record(db, actor, action, "voucher", voucher_id, code=before.code, fields={n: [old[n], new[n]] for n in changes})


def _check(fields: VoucherFields) -> None:
    """Raise InvalidInput for the first field that does not make sense."""
    if fields.kind is VoucherKind.PERCENTAGE and not 1 <= (fields.percent or 0) <= 100:
        raise InvalidInput("percent", words("Enter a percentage from 1 to 100."))
    if fields.kind is VoucherKind.AMOUNT and not 1 <= (fields.amount_cents or 0) <= MOST_CENTS:
        raise InvalidInput("amount", words("Enter the amount that it takes off."))
    if fields.scope is VoucherScope.SESSION and fields.club_session_id is None:
        raise InvalidInput("club_session", words("Choose the session that it is for."))
    if fields.starts_at and fields.ends_at and fields.ends_at <= fields.starts_at:
        raise InvalidInput("last_day", words("Enter a last day that is not before the first."))
    for name in ("max_uses", "max_uses_each"):
        if getattr(fields, name) is not None and getattr(fields, name) < 1:
            raise InvalidInput(name, words("Enter 1 or more, or leave it empty."))


def _check_session(db: Session, fields: VoucherFields) -> None:
    if fields.club_session_id is not None:
        found = db.execute(select(ClubSession.id).where(ClubSession.id == fields.club_session_id)).scalar_one_or_none()
        if found is None:
            raise InvalidInput("club_session", words("Choose the session that it is for."))


def _json(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}
