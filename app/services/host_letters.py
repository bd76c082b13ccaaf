"""Owes the mails to those who host a session, in the transaction that causes them. Called by whoever cancels a session."""

from __future__ import annotations

from email.utils import parseaddr
from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from ..config import current_settings
from ..models import ClubSession, HostRole, ListingPurchase, Refund, User
from ..rules.statuses import RefundStatus, SessionStatus
from . import audit, letters, outbox

_H, _L = HostRole, ListingPurchase
CANCELLED = "hosted_cancelled"


def owe_cancelled(
    db: Session, club_session_id: int, reason: str, actor: str, *, was: SessionStatus, host_knows: bool = False
) -> None:
    """Tell the host and the co-hosts of a session, if it has any, that it is cancelled; once each, but not who cancelled it.

    ``was``: what it was before. ``host_knows``: the host is owed a letter about the fee that says it.
    """
    club_session = db.execute(select(ClubSession).where(ClubSession.id == club_session_id)).scalar_one()
    if club_session.host_user_id is None:
        return
    published = was is SessionStatus.PUBLISHED
    said = _session(club_session) | {"reason": reason, "published": published}
    fee_kept = not host_knows and _kept_cents(db, club_session_id) > 0
    for person in _hosts(db, club_session):
        hosts = person.id == club_session.host_user_id
        if audit.by_user(person.id) == actor or (hosts and host_knows):
            continue
        own = {"name": person.name, "hosts": hosts, "fee_kept": hosts and fee_kept}
        key = f"{CANCELLED}:{club_session_id}:{person.id}"
        outbox.owe(db, dedupe_key=key, to=person.email, template=CANCELLED, context=said | own)


def _hosts(db: Session, club_session: ClubSession) -> list[User]:
    """The host and those who said yes to helping, but no account that was deleted."""
    helps = select(_H.user_id).where(_H.club_session_id == club_session.id, _H.accepted_at.is_not(None))
    them = or_(User.id == club_session.host_user_id, User.id.in_(helps))
    return list(db.execute(select(User).where(them, User.deleted_at.is_(None)).order_by(User.id)).scalars())


def _kept_cents(db: Session, club_session_id: int) -> int:
    """What was paid for the listing and has not been promised back."""
    back = select(func.coalesce(func.sum(Refund.amount_cents), 0)).where(
        Refund.order_item_id == _L.order_item_id, Refund.status != RefundStatus.FAILED
    )
    kept = select(func.coalesce(func.sum(_L.amount_paid_cents - back.correlate(_L).scalar_subquery()), 0))
    return int(db.execute(kept.where(_L.club_session_id == club_session_id, _L.refunded_at.is_(None))).scalar_one())


def _session(club_session: ClubSession) -> dict[str, Any]:
    settings = current_settings()
    return {
        "site_name": settings.site_name,
        "url": f"{settings.site_url}/host/{club_session.slug}",
        "ask": parseaddr(settings.mail_reply_to)[1],
        "session": letters.when_and_where(club_session),
    }
