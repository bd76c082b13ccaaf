"""Signing in with the club's own provider (OpenID Connect), by way of authlib: code flow with state, nonce and PKCE.

Made by ``create_app`` through ``make_provider``. Nothing it returns is believed before authlib has checked the signature, the
issuer, the audience, the time and the nonce of the provider's token; no call runs inside a transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from authlib.common.errors import AuthlibBaseError  # type: ignore[import-untyped]
from authlib.integrations.base_client.sync_app import OAuth2Mixin  # type: ignore[import-untyped]
from authlib.integrations.base_client.sync_openid import OpenIDMixin  # type: ignore[import-untyped]
from authlib.integrations.requests_client import OAuth2Session  # type: ignore[import-untyped]
from joserfc.errors import JoseError
from requests import RequestException

from ..config import Settings
from ..transaction import end_read, require_none_open
from .sign_in_provider import Identity, Leaving, ProviderRefused, ProviderUnavailable

TIMEOUT_SECONDS = 10
SCOPE = "openid email profile"


class OpenIdProvider:
    """One provider, found by its issuer's discovery document, which is read once."""

    def __init__(self, settings: Settings) -> None:
        self._issuer, self._client_id = settings.oidc_issuer, settings.oidc_client_id
        self._return_to = f"{settings.site_url}/account/provider/return"
        self._app = _App(
            None,
            client_id=settings.oidc_client_id,
            client_secret=settings.oidc_client_secret,
            server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
            client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", "default_timeout": TIMEOUT_SECONDS},
        )

    def leave(self) -> Leaving:
        """Where signing in begins. Raises ProviderUnavailable."""
        require_none_open("asking the sign-in provider")
        end_read()
        with _told_apart():
            made = self._app.create_authorization_url(self._return_to)
        return Leaving(made["url"], made["state"], made["nonce"], made["code_verifier"])

    def come_back(self, code: str, nonce: str, verifier: str) -> Identity:
        """Who came back with this code. Raises ProviderRefused, ProviderUnavailable."""
        require_none_open("asking the sign-in provider")
        end_read()
        with _told_apart():
            token = self._app.fetch_access_token(self._return_to, code=code, code_verifier=verifier)
            claims = self._app.parse_id_token(token, nonce=nonce, claims_options=self._expected())
            if claims is None:
                raise ProviderRefused("the provider sent no ID token")
            known = dict(claims)
            if "email" not in known and self._app.server_metadata.get("userinfo_endpoint"):
                told = self._app.userinfo(token=token)
                if told.get("sub") == known["sub"]:
                    known = {**told, **known}
        return _identity(known)

    def _expected(self) -> dict[str, Any]:
        return {
            "iss": {"essential": True, "value": self._issuer},
            "aud": {"essential": True, "value": self._client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
            "nonce": {"essential": True},
        }


class _App(OAuth2Mixin, OpenIDMixin):  # type: ignore[misc]
    """Authlib's client without a web framework: what must be kept between two requests is ours to keep."""

    client_cls = OAuth2Session

    def get(self, url: str, **kwargs: Any) -> Any:
        return self.request("GET", url, **kwargs)


def _identity(claims: dict[str, Any]) -> Identity:
    email = claims.get("email") if claims.get("email_verified") is True else None
    name = claims.get("name") or claims.get("given_name") or claims.get("preferred_username") or ""
    return Identity(str(claims["iss"]), str(claims["sub"]), email if isinstance(email, str) else None, str(name))


@contextmanager
def _told_apart() -> Iterator[None]:
    """Whose fault it is, in our own words: theirs to be reached, or the answer's."""
    try:
        yield
    except RequestException as error:
        raise ProviderUnavailable(type(error).__name__) from error
    except (AuthlibBaseError, JoseError) as error:
        raise ProviderRefused(str(error)) from error
    except (ValueError, KeyError, RuntimeError) as error:
        raise ProviderUnavailable(f"{type(error).__name__}: {error}") from error
