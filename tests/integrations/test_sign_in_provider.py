"""Signing in with a real OpenID Connect provider on this machine (npm's oidc-provider), and what is refused on the way back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from flask import Flask

from app.config import SettingsError, from_environment
from app.integrations import sign_in_provider
from app.integrations.openid_connect import OpenIdProvider
from app.integrations.sign_in_provider import ProviderRefused, ProviderUnavailable, SignInProvider
from app.models import AccountIdentity, AuditEntry, SignIn, User
from app.services import accounts, accounts_provider, sign_ins
from app.transaction import TransactionMisuse, transaction
from tests.conftest import unavailable
from tests.support.factories import make_user
from tests.support.oidc import Provider, ProviderMissing, running
from tests.support.rows import all_of, count_of, the

pytestmark = pytest.mark.databases("sqlite")
ENVIRONMENT = {"OIDC_ISSUER": "https://id.example/", "OIDC_CLIENT_ID": "muster", "OIDC_CLIENT_SECRET": "s"}


@pytest.fixture(scope="module")
def npm_provider() -> Iterator[Provider]:
    try:
        with running() as provider:
            yield provider
    except ProviderMissing as error:
        unavailable(str(error))


@pytest.fixture
def provider(npm_provider: Provider, app: Flask) -> SignInProvider:
    """The app's own client, pointed at the running provider."""
    settings = app.extensions["muster_settings"].with_(
        oidc_issuer=npm_provider.issuer, oidc_client_id=npm_provider.client_id, oidc_client_secret=npm_provider.client_secret
    )
    made = OpenIdProvider(settings)
    app.extensions["muster_sign_in_provider"] = made
    return made


def sign_in_there(url: str, login: str) -> dict[str, str]:
    """What a person does at the provider: sign in, agree, and be sent back; returns what the way back carries."""
    with requests.Session() as browser:
        response = browser.get(url, allow_redirects=False, timeout=10)
        while True:
            while response.is_redirect:
                target = requests.compat.urljoin(response.url, response.headers["Location"])
                if target.startswith("http://muster.test/"):
                    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
                response = browser.get(target, allow_redirects=False, timeout=10)
            assert response.ok, response.text
            action = re.search(r'action="([^"]+)"', response.text)
            prompt = re.search(r'name="prompt" value="(\w+)"', response.text)
            assert action and prompt, response.text
            fields = {"prompt": prompt[1], "login": login, "password": "anything"}
            target = requests.compat.urljoin(response.url, action[1])
            response = browser.post(target, data=fields, allow_redirects=False, timeout=10)


def come_back(provider: SignInProvider, login: str) -> sign_in_provider.Identity:
    leaving = provider.leave()
    answer = sign_in_there(leaving.url, login)
    assert answer["state"] == leaving.state
    return provider.come_back(answer["code"], leaving.nonce, leaving.verifier)


def test_leaving_carries_state_nonce_and_challenge(provider: SignInProvider) -> None:
    first, second = provider.leave(), provider.leave()
    query = parse_qs(urlsplit(first.url).query)
    assert query["state"] == [first.state] and query["nonce"] == [first.nonce]
    assert query["code_challenge_method"] == ["S256"] and query["code_challenge"] != [first.verifier]
    assert query["redirect_uri"] == ["http://muster.test/account/provider/return"] and query["response_type"] == ["code"]
    assert {first.state, first.nonce, first.verifier}.isdisjoint({second.state, second.nonce, second.verifier})


def test_somebody_who_signed_in_there_is_known_by_issuer_and_subject(provider: SignInProvider, npm_provider: Provider) -> None:
    identity = come_back(provider, "aroha")
    assert identity == sign_in_provider.Identity(npm_provider.issuer, "aroha", "aroha@example.org", "Aroha of the provider")


def test_address_that_the_provider_does_not_vouch_for_is_none(provider: SignInProvider) -> None:
    assert come_back(provider, "unverified").email is None


@pytest.mark.parametrize("broken", ["nonce", "verifier", "code", "repeated"])
def test_answer_to_another_question_is_refused(provider: SignInProvider, broken: str) -> None:
    leaving = provider.leave()
    code = sign_in_there(leaving.url, "aroha")["code"]
    nonce, verifier = leaving.nonce, leaving.verifier
    if broken == "repeated":
        provider.come_back(code, nonce, verifier)
    with pytest.raises(ProviderRefused):
        provider.come_back(
            code + "x" if broken == "code" else code,
            "another" if broken == "nonce" else nonce,
            "v" * 48 if broken == "verifier" else verifier,
        )


@pytest.mark.parametrize("setting", ["oidc_client_id", "oidc_issuer"])
def test_token_for_another_site_or_of_another_issuer_is_refused(provider: SignInProvider, setting: str) -> None:
    """Twin of the checks: the same good answer, held against what it was not made for."""
    leaving = provider.leave()
    code = sign_in_there(leaving.url, "aroha")["code"]
    if setting == "oidc_issuer":
        provider._issuer = "https://elsewhere.example"
    else:
        provider._client_id = "another-site"
    with pytest.raises(ProviderRefused):
        provider.come_back(code, leaving.nonce, leaving.verifier)


def test_account_made_this_way_has_no_password_and_a_confirmed_address(provider: SignInProvider) -> None:
    for _ in range(2):
        leaving = accounts_provider.leave()
        code = sign_in_there(leaving.url, "aroha")["code"]
        entry = accounts_provider.come_back(code, leaving.nonce, leaving.verifier, "Firefox", None)
        assert entry.sign_in_token is not None
        person = sign_ins.find(entry.sign_in_token)
        assert person is not None and (person.email, person.has_password) == ("aroha@example.org", False)
    user = the(User)
    assert user.password_hash is None and user.email_verified_at is not None and count_of(AccountIdentity) == 1
    assert count_of(SignIn) == 2 and accounts.sign_in("aroha@example.org", "", "Firefox", None) is None
    assert [e.action for e in all_of(AuditEntry)] == ["user_created", "provider_linked"]


def test_known_address_is_linked_and_stays_linked_when_it_changes(provider: SignInProvider) -> None:
    user = make_user(email="aroha@example.org", name="Aroha", email_verified_at=None)
    identity = come_back(provider, "aroha")
    assert accounts_provider._user_of(identity) == user.id
    assert the(User).name == "Aroha" and the(User).email_verified_at is not None
    with transaction() as db:
        db.get_one(User, user.id).email = "aroha@new.example"
    assert accounts_provider._user_of(identity) == user.id and count_of(User) == 1


def test_address_nobody_vouches_for_links_nothing_and_makes_nothing(provider: SignInProvider) -> None:
    make_user(email="unverified@example.org")
    leaving = accounts_provider.leave()
    code = sign_in_there(leaving.url, "unverified")["code"]
    with pytest.raises(accounts_provider.AddressNotConfirmed):
        accounts_provider.come_back(code, leaving.nonce, leaving.verifier, "Firefox", None)
    assert count_of(AccountIdentity) == 0 and count_of(User) == 1


def test_no_call_is_made_inside_a_transaction(provider: SignInProvider) -> None:
    with transaction():
        with pytest.raises(TransactionMisuse):
            provider.leave()
        with pytest.raises(TransactionMisuse):
            provider.come_back("code", "nonce", "verifier")


def test_provider_that_is_away_says_so(app: Flask) -> None:
    settings = app.extensions["muster_settings"]
    away = OpenIdProvider(settings.with_(oidc_issuer="http://127.0.0.1:9", oidc_client_id="a", oidc_client_secret="b"))
    with pytest.raises(ProviderUnavailable):
        away.leave()
    app.extensions["muster_sign_in_provider"] = away
    with pytest.raises(accounts_provider.ProviderAway):
        accounts_provider.leave()


def test_it_is_off_unless_set(app: Flask) -> None:
    assert sign_in_provider.provider() is None
    with pytest.raises(accounts_provider.ProviderOff):
        accounts_provider.leave()


def test_settings_are_taken_as_the_provider_writes_itself() -> None:
    settings = from_environment(ENVIRONMENT)
    assert (settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret) == ("https://id.example/", "muster", "s")


@pytest.mark.parametrize(
    ("change", "words"),
    [({"OIDC_CLIENT_ID": ""}, "OIDC_CLIENT_ID"), ({"OIDC_CLIENT_SECRET": ""}, "OIDC_CLIENT_SECRET"),
     ({"OIDC_ISSUER": "http://id.example"}, "https"), ({"OIDC_ISSUER": "id.example"}, "OIDC_ISSUER")],
)  # fmt: skip
def test_half_a_provider_stops_the_start(change: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        from_environment(ENVIRONMENT | change)
