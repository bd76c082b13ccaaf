"""Getting an account, getting back into it, codes, and the club's own provider, as a person does it. JavaScript is off."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pyotp
import pytest

from app.config import Settings
from app.models import AccountIdentity, Membership, Registration, SecondFactor, User
from app.rules.statuses import Role
from tests.conftest import unavailable
from tests.journeys.walk import CARD, Walk
from tests.support.clock import FakeClock
from tests.support.factories import PASSWORD, make_club_session, make_free_club_session, make_plan, make_user
from tests.support.mail import SmtpServer
from tests.support.oidc import Provider, ProviderMissing, running
from tests.support.rows import count_of, the

pytestmark = pytest.mark.browser
NEW = "another long password"


def newest_link(smtp_server: SmtpServer, email: str) -> str:
    """What a person taps in the newest mail to this address."""
    plain = smtp_server.to(email)[-1].get_body(("plain",))
    assert plain is not None
    found = re.search(r"^(http://\S+/account/\S+)", plain.get_content(), re.M)
    assert found is not None
    return found[1]


def sign_in(walk: Walk, email: str, password: str) -> None:
    walk.open("/account/sign-in")
    walk.fill(email=email, password=password)
    walk.press("Sign in")


def test_guest_makes_an_account_and_finds_the_booking_there(
    walk: Walk, smtp_server: SmtpServer, work: Callable[[], None]
) -> None:
    session = make_free_club_session(title="Evening run")
    walk.ask(session.slug, name="Aroha", email="aroha@example.org")
    walk.press("Register")
    walk.open("/account/sign-in")
    walk.look("sign in")
    walk.follow("Make an account")
    walk.look("sign up")
    walk.press("Send me the link")
    assert walk.page.title().startswith("Error: ")
    walk.fill(email="Aroha@example.org")
    walk.press("Send me the link")
    assert walk.h1 == "Check your e-mail" and count_of(User) == 0
    walk.look("check your e-mail")
    work()
    walk.page.goto(newest_link(smtp_server, "aroha@example.org"))
    walk.look("finish your account")
    walk.fill(name="Aroha", password=NEW)
    walk.press("Make my account")
    assert (walk.h1, the(Registration).user_id) == ("Sign in", the(User).id)
    walk.fill(email="aroha@example.org", password=NEW)
    walk.press("Sign in")
    walk.follow("Aroha")
    assert walk.h1 == "My account" and "Evening run" in walk.text and "Registered" in walk.text
    walk.look("my account")
    walk.follow("Settings")
    walk.look("settings")
    walk.press("Sign out")
    walk.open("/account")
    assert walk.h1 == "Sign in"


def test_forgotten_password_is_set_anew_by_the_mail(walk: Walk, smtp_server: SmtpServer, work: Callable[[], None]) -> None:
    make_user(email="ana@example.org", name="Ana", password=PASSWORD)
    walk.open("/account/sign-in")
    walk.follow("I have forgotten my password")
    walk.fill(email="ana@example.org")
    walk.press("Send me the link")
    work()
    walk.page.goto(newest_link(smtp_server, "ana@example.org"))
    walk.look("new password")
    walk.fill(password="short")
    walk.press("Set my password")
    assert "Choose a password of 10 to 200 characters" in walk.text
    walk.fill(password=NEW)
    walk.press("Set my password")
    assert walk.h1 == "Sign in" and "Your password is set" in walk.text
    walk.fill(email="ana@example.org", password=NEW)
    walk.press("Sign in")
    assert walk.path == "/"
    work()
    assert "changed" in smtp_server.to("ana@example.org")[-1]["Subject"]


def test_staff_switch_codes_on_and_give_one_at_the_door(walk: Walk, clock: FakeClock) -> None:
    make_user(email="sam@example.org", name="Sam", role=Role.STAFF, password=PASSWORD)
    sign_in(walk, "sam@example.org", PASSWORD)
    walk.open("/account/codes")
    assert walk.page.locator("svg.qr").is_visible()
    walk.look("codes, switching on")
    walk.fill(code=_code(clock))
    walk.press("Switch codes on")
    paper = walk.page.locator("main li").first.inner_text()
    walk.look("codes for paper")
    walk.press("Sign out")
    sign_in(walk, "sam@example.org", PASSWORD)
    assert walk.h1 == "Enter your code"
    walk.look("code at the door")
    walk.fill(code=_code(clock))
    walk.press("Go on")
    assert walk.path == "/"
    walk.press("Sign out")
    sign_in(walk, "sam@example.org", PASSWORD)
    walk.fill(code=paper)
    walk.press("Go on")
    assert walk.path == "/"
    walk.open("/account/codes")
    assert "You have 9 codes on paper left." in walk.text
    walk.look("codes, switched on")


def _code(clock: FakeClock) -> str:
    clock.advance(seconds=60)
    return pyotp.TOTP(the(SecondFactor).secret).at(int(clock().timestamp()))


class TestProvider:
    """With a sign-in provider of the club's own."""

    @pytest.fixture
    def oidc(self, site_socket: Any) -> Iterator[Provider]:
        host, port = site_socket.getsockname()
        try:
            with running(f"http://{host}:{port}") as provider:
                yield provider
        except ProviderMissing as error:
            unavailable(str(error))

    @pytest.fixture
    def settings(self, settings: Settings, oidc: Provider) -> Settings:
        return settings.with_(oidc_issuer=oidc.issuer, oidc_client_id=oidc.client_id, oidc_client_secret=oidc.client_secret)

    def sign_in_there(self, walk: Walk, oidc: Provider) -> None:
        """From our sign-in page to theirs, and back."""
        # Its page asks a font server on the internet, which tests do not reach.
        walk.page.route(re.compile("//fonts[.]"), lambda route: route.fulfill(body="", content_type="text/css"))
        walk.follow("Sign in with the club’s provider")
        assert walk.page.url.startswith(oidc.issuer)
        walk.fill(login="aroha", password="anything")
        walk.press("Sign-in")
        walk.press("Continue")

    def test_who_signed_in_with_it_joins_and_has_the_member_price(self, walk: Walk, stripe: Any, oidc: Provider) -> None:
        plan, club_session = make_plan(name="Club membership", price_cents=1500), make_club_session()
        walk.open(f"/membership/{plan.slug}/join")
        walk.follow("Sign in first")
        self.sign_in_there(walk, oidc)
        assert (walk.path, walk.h1) == (f"/membership/{plan.slug}/join", "Check your membership")
        assert (walk.fact("E-mail"), walk.fact("To")) == ("aroha@example.org", "2 March 2027")
        walk.press("Pay NZ$15.00")
        assert walk.pay_with(CARD, words="Pay NZ$15.00") == 200
        assert walk.h1 == "You are a member"
        user = the(User)
        assert (the(Membership).user_id, user.password_hash, the(AccountIdentity).user_id) == (user.id, None, user.id)
        walk.open(f"/sessions/{club_session.slug}")
        assert "Member price, you save NZ$4.00" in walk.text

    def test_somebody_signs_in_with_the_clubs_provider(self, walk: Walk, oidc: Provider) -> None:
        walk.open("/account/settings")
        walk.look("sign in, with a provider")
        self.sign_in_there(walk, oidc)
        assert (walk.h1, walk.path) == ("Settings", "/account/settings")
        user = the(User)
        assert (user.email, user.password_hash) == ("aroha@example.org", None) and user.email_verified_at is not None
        assert the(AccountIdentity).issuer == oidc.issuer
        walk.press("Sign out")
        walk.open("/account/sign-in")
        walk.follow("Sign in with the club’s provider")
        assert walk.path == "/" and count_of(User) == 1
