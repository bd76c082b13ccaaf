"""Who may act for a hosted session: its host, and co-hosts who were invited and said yes. Called by the host pages.

An invitation names an address; whether it has an account is not told: the mail goes out if it has, and nothing happens if not.
"""

from __future__ import annotations

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.orm import Session

from .. import clock
from ..config import current_settings
from ..models import ClubSession, HostRole, User
from ..models.columns import new_token
from ..rules.addresses import normalise_email
from ..rules.refusals import InvalidInput, Refusal, SessionNotFound, words
from ..transaction import retried, transaction
from . import account_tokens, audit, outbox
from .writes import changed

MOST_CO_HOSTS = 10
_C, _H = ClubSession, HostRole


class InvitationOver(Refusal):
    status = 404
    text = words("There is no such invitation.")


def check_may(db: Session, slug: str, user_id: int, *, as_host: bool = False) -> int:
    """The session's id for its host or (unless ``as_host``) a co-host of it; everybody else gets SessionNotFound."""
    helps = select(_H.id).where(_H.club_session_id == _C.id, _H.user_id == user_id, _H.accepted_at.is_not(None)).exists()
    mine = _C.host_user_id == user_id if as_host else or_(_C.host_user_id == user_id, helps)
    found = db.execute(select(_C.id).where(_C.slug == slug, _C.host_user_id.is_not(None), mine)).scalar_one_or_none()
    if found is None:
        raise SessionNotFound
    return int(found)


@retried
def invite(slug: str, typed: str, user_id: int) -> str:
    """Invite somebody to help; the address. Raises SessionNotFound, or InvalidInput for what is no address or one too many."""
    email = normalise_email(typed)
    if email is None:
        raise InvalidInput("email", words("Enter an e-mail address in the correct format, like name@example.com"))
    with transaction() as db:
        club_session_id = check_may(db, slug, user_id, as_host=True)
        row = db.execute(select(_C.title, _C.id).where(_C.id == club_session_id).with_for_update(key_share=True)).one()
        roles = db.execute(select(_H.email, _H.token, _H.accepted_at).where(_H.club_session_id == club_session_id)).all()
        host = db.execute(select(User.name, User.email).where(User.id == user_id)).one()
        if email == host.email:
            raise InvalidInput("email", words("This is your own address: you are the host already."))
        if (asked := next((role for role in roles if role.email == email), None)) is not None:
            if asked.accepted_at is None:  # they may have an account only since
                _owe_invitation(db, asked.token, email, host.name, row.title)
            return email
        if len(roles) >= MOST_CO_HOSTS:
            raise InvalidInput("email", words("A session has no more than 10 co-hosts. Remove one first."))
        token = new_token()
        values = {"club_session_id": club_session_id, "email": email, "token": token}
        role_id = db.execute(insert(_H).values(values).returning(_H.id)).scalar_one()
        audit.record(db, audit.by_user(user_id), "co_host_invited", "club_session", club_session_id, role=role_id)
        _owe_invitation(db, token, email, host.name, row.title)
        return email


@retried
def accept(token: str, user_id: int) -> str:
    """Become a co-host; the session's slug. Raises InvitationOver unless it was meant for this very account."""
    with transaction() as db:
        role = invitation(db, token, user_id)
        whose = select(_H.club_session_id, _C.slug).join(_C, _C.id == _H.club_session_id).where(_H.id == role)
        row = db.execute(whose).one()
        not_yet = update(_H).where(_H.id == role, _H.accepted_at.is_(None))
        if changed(db, not_yet.values(user_id=user_id, accepted_at=clock.now())):
            audit.record(db, audit.by_user(user_id), "co_host_joined", "club_session", row.club_session_id, role=role)
        return str(row.slug)


def invitation(db: Session, token: str, user_id: int) -> int:
    """The role that this link offers to this person, whose address must be proved. Raises InvitationOver."""
    own = select(User.email).where(User.id == user_id, User.email_verified_at.is_not(None)).scalar_subquery()
    found = db.execute(select(_H.id).where(_H.token == token, _H.email == own)).scalar_one_or_none()
    if found is None:
        raise InvitationOver
    return int(found)


@retried
def remove(slug: str, role_id: int, user_id: int) -> None:
    """End a co-host's part, or an invitation. Raises SessionNotFound."""
    with transaction() as db:
        club_session_id = check_may(db, slug, user_id, as_host=True)
        gone = delete(_H).where(_H.id == role_id, _H.club_session_id == club_session_id).returning(_H.id)
        if db.execute(gone).first() is not None:
            audit.record(db, audit.by_user(user_id), "co_host_removed", "club_session", club_session_id, role=role_id)


def _owe_invitation(db: Session, token: str, email: str, host: str, title: str) -> None:
    """Once for each invitation. Its row's id does not name it: SQLite gives that of a removed one to the next."""
    known = select(func.count()).where(User.email == email, User.deleted_at.is_(None))
    if not db.execute(known).scalar_one():
        return
    settings = current_settings()
    context = {
        "site_name": settings.site_name,
        "name": "",
        "host": host,
        "title": title,
        "url": f"{settings.site_url}/host/invitations/{token}",
    }
    outbox.owe(db, dedupe_key=f"co-host:{account_tokens.fingerprint(token)[:32]}", to=email, template="co_host", context=context)
