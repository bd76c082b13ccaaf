"""Signing in with the club's provider: finds the account, links it by a confirmed address only, or makes one without a password.

Called by the account's pages. Issuer and subject are who somebody is; the address is only how an account is found the first time.
"""

from __future__ import annotations

from flask import current_app
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from .. import clock
from ..integrations import sign_in_provider
from ..integrations.sign_in_provider import Identity, Leaving, ProviderRefused, ProviderUnavailable
from ..models import AccountIdentity, User
from ..rules.addresses import normalise_email
from ..rules.refusals import Refusal, words
from ..transaction import retried, transaction
from . import accounts, audit, users


class ProviderOff(Refusal):
    status = 404
    text = words("Signing in with a provider is not switched on here.")


class ProviderAway(Refusal):
    status = 503
    text = words("The sign-in provider cannot be reached right now. Sign in with your password, or try again in a few minutes.")


class ProviderSaidNo(Refusal):
    status = 400
    text = words("You were not signed in there. Try again.")


class AddressNotConfirmed(Refusal):
    """The provider does not vouch for the address, so it proves nothing."""

    status = 403
    text = words("Your provider has not confirmed your e-mail address. Confirm it there, or make an account here by e-mail.")


def leave() -> Leaving:
    """Where to send somebody who wants to sign in there. Raises ProviderOff, ProviderAway."""
    provider = sign_in_provider.provider()
    if provider is None:
        raise ProviderOff
    try:
        return provider.leave()
    except (ProviderUnavailable, ProviderRefused) as error:
        current_app.logger.warning("sign-in provider: %s", error)
        raise ProviderAway from error


def come_back(code: str, nonce: str, verifier: str, device: str, replaces: str | None) -> accounts.Entry:
    """Sign in whoever came back with this code. Raises ProviderOff, ProviderAway, ProviderSaidNo, AddressNotConfirmed."""
    provider = sign_in_provider.provider()
    if provider is None:
        raise ProviderOff
    try:
        identity = provider.come_back(code, nonce, verifier)
    except ProviderUnavailable as error:
        current_app.logger.warning("sign-in provider: %s", error)
        raise ProviderAway from error
    except ProviderRefused as error:
        current_app.logger.warning("sign-in provider: %s", error)
        raise ProviderSaidNo from error
    return accounts.enter(_user_of(identity), device, replaces)


@retried
def _user_of(identity: Identity) -> int:
    with transaction() as db:
        known = select(AccountIdentity.user_id).where(
            AccountIdentity.issuer == identity.issuer, AccountIdentity.subject == identity.subject
        )
        user_id = db.execute(known).scalar_one_or_none()
        return _first_time(db, identity) if user_id is None else user_id


def _first_time(db: Session, identity: Identity) -> int:
    email = normalise_email(identity.email or "")
    if email is None:
        raise AddressNotConfirmed
    user_id = db.execute(select(User.id).where(User.email == email)).scalar_one_or_none()
    if user_id is None:
        name = identity.name.strip()[:200] or email.partition("@")[0]
        user_id = users.add_without_password(db, email, name, audit.GUEST, confirmed=True)
    else:
        unproved = (User.id == user_id, User.email_verified_at.is_(None))
        db.execute(update(User).where(*unproved).values(email_verified_at=clock.now()))
    db.add(AccountIdentity(user_id=user_id, issuer=identity.issuer, subject=identity.subject))
    audit.record(db, audit.by_user(user_id), "provider_linked", "user", user_id)
    return user_id
