"""What `flask doctor` looks for in the database: counters against rows, migrations, work that has stuck. Changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlalchemy import ColumnElement, and_, case, exists, func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from .. import clock
from ..extensions import MIGRATIONS, db
from ..integrations import file_store
from ..models import (
    Case,
    ClubSession,
    LedgerEntry,
    OutgoingEmail,
    Payment,
    Product,
    ProductFile,
    ProductPurchase,
    Refund,
    Registration,
    Voucher,
    VoucherUse,
)
from ..queries import due_work, notices_due, webhooks
from ..rules.refusals import words
from ..rules.self_check import Finding
from ..rules.statuses import TAKEN, WAITING, PaymentStatus, RefundStatus, SessionStatus
from . import ledger, ledger_balances, superseded

LATE_SECONDS = 15 * 60
DATABASE = Finding(words("Database and migrations"))
WEBHOOKS = Finding(words("News from Stripe"))


@dataclass(frozen=True, slots=True)
class Group:
    """One check by its name, and what it found; empty when all is well."""

    name: Finding
    findings: list[Finding]


def groups(since: datetime | None = None) -> list[Group]:
    """Every check of the database with its findings; when it does not answer or is of another revision, that alone.

    ``since``: sessions, payments and refunds of that time on, so that the check takes no longer as the past grows.
    """
    try:
        if problem := _migrations():
            return [Group(DATABASE, [problem])]
        return [Group(DATABASE, []), *(Group(name, check(since)) for name, check in CHECKS)]
    except SQLAlchemyError as error:
        text = words("DATABASE_URL: the database does not answer (%(error)s).")
        return [Group(DATABASE, [Finding(text, error=type(error).__name__)])]


def findings() -> list[Finding]:
    """One sentence for each thing that is not as it should be; empty when all is well."""
    return [finding for group in groups() for finding in group.findings if group.name is not WEBHOOKS]


def _migrations() -> Finding | None:
    """The database is at the newest revision, or which command brings it there."""
    from alembic.migration import MigrationContext  # here: whoever only serves does without

    head = _newest()
    with db.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == head:
        return None
    text = words("The database is at revision %(current)s, the code at %(head)s. Run: flask --app wsgi db upgrade")
    return Finding(text, current=current or "none", head=head)


@cache
def _newest() -> str | None:
    """The newest revision that this process's code knows: read once, for reading compiles every migration."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


def _counters(since: datetime | None) -> list[Finding]:
    """places_taken and waitlist_taken equal what the registrations add up to (promise 1)."""
    taken = func.coalesce(func.sum(case((Registration.status.in_(TAKEN), Registration.places), else_=0)), 0)
    waiting = func.coalesce(func.sum(case((Registration.status.in_(WAITING), Registration.places), else_=0)), 0)
    every = ClubSession.status.in_(list(SessionStatus))  # the index by end begins with the status
    checked = (every, ClubSession.ends_at >= since) if since else ()
    rows = db.session.execute(
        select(
            ClubSession.slug, ClubSession.places_taken, ClubSession.waitlist_taken, taken.label("taken"), waiting.label("waiting")
        )
        .outerjoin(Registration, Registration.club_session_id == ClubSession.id)
        .where(*checked)
        .group_by(ClubSession.id)
        .having((ClubSession.places_taken != taken) | (ClubSession.waitlist_taken != waiting))
    ).all()
    text = words(
        "%(slug)s: counted %(places)s places and %(waitlist)s waiting, its registrations add up to %(taken)s and %(waiting)s."
    )
    return [
        Finding(text, slug=row.slug, places=row.places_taken, waitlist=row.waitlist_taken, taken=row.taken, waiting=row.waiting)
        for row in rows
    ]


def _codes(_since: datetime | None) -> list[Finding]:
    """The uses of a code equal the orders that used it and did not give it back."""
    used = func.count(VoucherUse.id)
    live = (VoucherUse.voucher_id == Voucher.id) & VoucherUse.returned_at.is_(None)
    rows = db.session.execute(
        select(Voucher.code, Voucher.uses, used.label("used"))
        .outerjoin(VoucherUse, live)
        .group_by(Voucher.id)
        .having(Voucher.uses != used)
    ).all()
    text = words("Code %(code)s: counted %(uses)s uses, its orders add up to %(used)s.")
    return [Finding(text, code=row.code, uses=row.uses, used=row.used) for row in rows]


def _stock(_since: datetime | None) -> list[Finding]:
    """What is taken of a product equals the purchases that keep one (promise 1)."""
    kept = func.count(ProductPurchase.order_item_id)
    rows = db.session.execute(
        select(Product.slug, Product.stock_taken, kept.label("kept"))
        .outerjoin(ProductPurchase, (ProductPurchase.product_id == Product.id) & ProductPurchase.kept)
        .group_by(Product.id)
        .having(Product.stock_taken != kept)
    ).all()
    text = words("%(slug)s: counted %(taken)s taken, its purchases add up to %(kept)s.")
    return [Finding(text, slug=row.slug, taken=row.stock_taken, kept=row.kept) for row in rows]


def _files(_since: datetime | None) -> list[Finding]:
    """Each file that people pay for is there."""
    rows = db.session.execute(
        select(ProductFile.name, ProductFile.stored_name, Product.slug).join(Product, Product.id == ProductFile.product_id)
    ).all()
    text = words("%(slug)s: the file %(name)s is not in FILES_DIR. Copy it back there, or upload it again.")
    return [Finding(text, slug=row.slug, name=row.name) for row in rows if file_store.path_of(row.stored_name) is None]


def _money(since: datetime | None) -> list[Finding]:
    """No payment gives back more than it took (promise 4); at most one captured and unrefunded payment an order (promise 3)."""
    back = func.coalesce(
        select(func.sum(Refund.amount_cents))
        .where(Refund.payment_id == Payment.id, Refund.status != RefundStatus.FAILED)
        .scalar_subquery(),
        0,
    )
    over = select(func.count()).select_from(Payment).where(*_moved(since), back > Payment.captured_cents)
    kept = select(Payment.order_id).where(Payment.status == PaymentStatus.SUCCEEDED, back < Payment.captured_cents)
    if since:
        kept = kept.where(Payment.order_id.in_(select(Payment.order_id).where(Payment.paid_at >= since)))
    twice = select(func.count()).select_from(kept.group_by(Payment.order_id).having(func.count() > 1).subquery())
    refunded, double = db.session.execute(select(over.scalar_subquery(), twice.scalar_subquery())).one()
    found = [Finding(words("%(number)s payments gave back more than they took."), number=refunded)] if refunded else []
    return [*found, *([Finding(words("%(number)s orders keep two payments."), number=double)] if double else [])]


def _ledger(since: datetime | None) -> list[Finding]:
    """What the books say came in with each payment is what was captured, and what left with each refund what was sent."""
    came = (
        select(func.coalesce(func.sum(LedgerEntry.amount_cents), 0))
        .where(LedgerEntry.payment_id == Payment.id, LedgerEntry.refund_id.is_(None))
        .where(LedgerEntry.debit_account.in_(ledger.HELD_AT.values()), LedgerEntry.credit_account != ledger.DISPUTES)
        .scalar_subquery()
    )
    went = (
        select(func.coalesce(func.sum(LedgerEntry.amount_cents), 0))
        .where(LedgerEntry.refund_id == Refund.id, LedgerEntry.debit_account == ledger.OWED)
        .scalar_subquery()
    )
    sent = Refund.status.in_([RefundStatus.PENDING, RefundStatus.SUCCEEDED])
    made = (Refund.created_at >= since,) if since else ()
    payments = select(func.count()).select_from(Payment).where(*_moved(since), came != Payment.captured_cents)
    refunds = select(func.count()).select_from(Refund).where(sent, *made, went != Refund.amount_cents)
    wrong, wrong_refunds = db.session.execute(select(payments.scalar_subquery(), refunds.scalar_subquery())).one()
    paid = words("Ledger: %(number)s payments are not in the books as they were captured.")
    back = words("Ledger: %(number)s refunds are not in the books as they were sent.")
    found = [Finding(text, number=number) for text, number in ((paid, wrong), (back, wrong_refunds)) if number]
    found += _owed(since)
    if not since and (wrong_at := ledger_balances.differs()) is not None:
        text = words("Ledger: the sums carried forward to %(at)s UTC are not what its rows add up to.")
        found.append(Finding(text, at=f"{wrong_at:%Y-%m-%d %H:%M}"))
    return found


def _owed(since: datetime | None) -> list[Finding]:
    """What the books owe back of a payment is what its refunds have still to send, or a person decides about it and can."""
    signed = case((LedgerEntry.credit_account == ledger.OWED, LedgerEntry.amount_cents), else_=-LedgerEntry.amount_cents)
    booked = or_(LedgerEntry.credit_account == ledger.OWED, LedgerEntry.debit_account == ledger.OWED)
    owed = select(func.coalesce(func.sum(signed), 0)).where(LedgerEntry.payment_id == Payment.id, booked)
    of_it = select(func.coalesce(func.sum(Refund.amount_cents), 0)).where(Refund.payment_id == Payment.id)
    failed = owed.scalar_subquery() - of_it.where(Refund.status == RefundStatus.REQUESTED).scalar_subquery()
    left = Payment.captured_cents - of_it.where(Refund.status != RefundStatus.FAILED).scalar_subquery()
    asked = exists().where(Case.payment_id == Payment.id, Case.kind == superseded.KIND, Case.closed_at.is_(None))
    wrong = or_(failed < 0, failed > left, and_(failed > 0, ~asked))
    number = db.session.execute(select(func.count()).select_from(Payment).where(*_moved(since), wrong)).scalar_one()
    text = words("Ledger: what is owed back of %(number)s payments is not what is left to send.")
    return [Finding(text, number=number)] if number else []


def _moved(since: datetime | None) -> tuple[ColumnElement[bool], ...]:
    """The payments that took or gave back money since then."""
    if since is None:
        return ()
    paid = select(Payment.id).where(Payment.paid_at >= since)
    return (Payment.id.in_(paid.union(select(Refund.payment_id).where(Refund.created_at >= since))),)


def _late(_since: datetime | None) -> list[Finding]:
    text = words(
        "Background work is late: the oldest %(kind)s have been due for %(minutes)s minutes."
        " Is `flask --app wsgi worker` running?"
    )
    return [
        Finding(text, kind=kind, minutes=seconds // 60)
        for kind, seconds in due_work.ages(clock.now()).items()
        if seconds > LATE_SECONDS
    ]


def _failed_mail(_since: datetime | None) -> list[Finding]:
    failed = db.session.execute(select(func.count()).where(OutgoingEmail.failed_at.is_not(None))).scalar_one()
    text = words("%(number)s e-mails could not be delivered: see the outbox in the admin.")
    return [Finding(text, number=failed)] if failed else []


def _failed_notices(_since: datetime | None) -> list[Finding]:
    failed = db.session.execute(notices_due.failed()).scalar_one()
    text = words("%(number)s WhatsApp notices could not be delivered: see the notices in the admin.")
    return [Finding(text, number=failed)] if failed else []


def silent_webhooks() -> list[Finding]:
    """A sentence when people pay and Stripe does not tell us. Nothing is wrong in the database then, only slow."""
    try:
        paid_at = webhooks.silence()
    except SQLAlchemyError:  # `findings` says what is wrong with the database
        return []
    if paid_at is None:
        return []
    text = words(
        "Stripe's messages do not come: somebody paid at %(at)s UTC and no webhook told us. Payments are found"
        " by asking, a little later. Check the webhook at Stripe and STRIPE_WEBHOOK_SECRET."
    )
    return [Finding(text, at=f"{paid_at:%Y-%m-%d %H:%M}")]


def last_webhook() -> str:
    """When Stripe last told us something by itself, in a sentence."""
    try:
        told = due_work.last_webhook_at()
    except SQLAlchemyError:
        told = None
    return f"The last webhook came at {told:%Y-%m-%d %H:%M} UTC." if told else "No webhook has come from Stripe yet."


CHECKS = (
    (Finding(words("Counters against bookings")), _counters),
    (Finding(words("Codes against orders")), _codes),
    (Finding(words("Stock against purchases")), _stock),
    (Finding(words("Files of products")), _files),
    (Finding(words("Payments and refunds")), _money),
    (Finding(words("Ledger")), _ledger),
    (Finding(words("Background work")), _late),
    (Finding(words("E-mails")), _failed_mail),
    (Finding(words("WhatsApp notices")), _failed_notices),
    (WEBHOOKS, lambda _since: silent_webhooks()),
)
