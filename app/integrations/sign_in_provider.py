"""Signing in with the club's own provider, as the services know it: what is asked of it and what may come back.

Called by services.accounts_provider. A club without one never loads the client, which is ``openid_connect``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

from flask import current_app

from ..config import Settings


class ProviderUnavailable(Exception):
    """The provider does not answer, or not as one does."""


class ProviderRefused(Exception):
    """The person did not sign in there, or what came back is not the answer to what was asked."""


@dataclass(frozen=True, slots=True)
class Leaving:
    """Where to send the person, and what the browser must bring back for the answer to count."""

    url: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says this is. ``email`` is None unless the provider says that it is theirs."""

    issuer: str
    subject: str
    email: str | None
    name: str


class SignInProvider(Protocol):
    """One provider."""

    def leave(self) -> Leaving:
        """Where signing in begins. Raises ProviderUnavailable."""
        ...

    def come_back(self, code: str, nonce: str, verifier: str) -> Identity:
        """Who came back with this code. Raises ProviderRefused, ProviderUnavailable."""
        ...


def provider() -> SignInProvider | None:
    """The provider that ``create_app`` wired in, or None: signing in with one is off."""
    return cast("SignInProvider | None", current_app.extensions["muster_sign_in_provider"])


def make_provider(settings: Settings) -> SignInProvider | None:
    """The provider of the settings; None when they name none. Makes no call."""
    if not settings.oidc_issuer:
        return None
    from .openid_connect import OpenIdProvider

    return OpenIdProvider(settings)
