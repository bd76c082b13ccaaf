"""Who may go where: every route of the URL map, asked by each kind of person for each method, against what it declares.

A route that declares nothing, or stands where no rule says what may be declared, fails (promise 12).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask
from werkzeug.routing import Rule

from app.models import Case, HostRole, OutgoingEmail, ProductFile, Registration
from app.models.account_tokens import TokenPurpose
from app.rules.statuses import Role
from app.security import RANK, public, signed_in, staff_only
from app.services import account_tokens, product_files, sign_ins
from app.transaction import transaction
from tests.support.booking import begin, order_of
from tests.support.client import OutsideClient
from tests.support.factories import make_free_club_session, make_membership, make_user
from tests.support.hosting import make_draft
from tests.support.rows import all_of, the
from tests.support.settings import SITE_URL
from tests.support.shop import PDF, begin_product, make_course, purchase_of
from tests.support.source import assert_none

ROLES = {f"role:{role}": role for role in Role}
MAY_DECLARE = {
    "": {"public"}, "sessions": {"public"}, "sessions.ics": {"public"}, "club.css": {"public"},
    "membership": {"public", "signed_in", "secret_link"}, "basket": {"public", "signed_in"},
    "products": {"public"}, "purchases": {"secret_link"},
    "orders": {"secret_link"}, "registrations": {"secret_link"}, "offers": {"secret_link"},
    "account": {"public", "secret_link", "signed_in"}, "host": {"signed_in", "secret_link"},
    "admin": set(ROLES) - {"role:none"},
    "webhooks": {"stripe"}, "healthz": {"operator"}, "readyz": {"operator"}, "metrics": {"operator"},
}  # fmt: skip
"""What a route may declare, by the first part of its address. A new part is added here, on purpose."""
OWN = {
    "accounts.new_address", "host.session", "host.edit", "host.pay", "host.code", "host.registrations", "host.tick_in",
    "host.undo", "host.invite", "host.remove", "host.invitation",
}  # fmt: skip
"""Signed in, and good for one person alone: by a link, or because the session is theirs to host."""
STRANGERS = ("anonymous", "guest link", "other guest")
PERSONS = (*STRANGERS, "member", "other member", "desk", "staff", "admin")
WRONG = "w" * 32


@dataclass
class World:
    """One of everything that an address can name, and the sign-ins of those who may ask for it."""

    slug: str
    tokens: dict[str, str]
    """The right token for each address that takes one, by the part of the address before it."""
    others: dict[str, str]
    """What another guest holds: tokens that are good elsewhere."""
    numbers: dict[str, int | str]
    users: dict[str, int] = field(default_factory=dict)


def undeclared(app: Flask) -> list[str]:
    found = []
    for rule in routes(app):
        permission = permission_of(app, rule)
        first = rule.rule.strip("/").partition("/")[0]
        if permission is None:
            found.append(f"{rule.rule} declares nothing")
        elif permission not in MAY_DECLARE.get(first, set()):
            found.append(f"{rule.rule} declares {permission}; MAY_DECLARE says {sorted(MAY_DECLARE.get(first, set()))}")
    return found


def routes(app: Flask) -> list[Rule]:
    return [rule for rule in app.url_map.iter_rules() if rule.endpoint != "static"]


def permission_of(app: Flask, rule: Rule) -> str | None:
    return getattr(app.view_functions[rule.endpoint], "muster_permission", None)


def expected(permission: str, endpoint: str, person: str) -> str:
    """in (shown, or refused for a reason of its own), sign_in, forbidden, missing, or unsigned."""
    if permission == "stripe":
        return "unsigned"
    if permission in ("public", "operator"):
        return "in"
    if permission == "secret_link":
        return "in" if person in ("guest link", "member") else "missing"
    if person in STRANGERS:
        return "sign_in"
    if endpoint in OWN:
        return "in" if person == "member" else "missing"
    has = Role(person) if person in ("desk", "staff", "admin") else Role.NONE
    return "in" if RANK[has] >= RANK[ROLES.get(permission, Role.NONE)] else "forbidden"


def outcome(permission: str, response: Any) -> str:
    if response.status_code == 303 and "/account/sign-in" in response.headers.get("Location", ""):
        return "sign_in"
    if response.status_code == 403:
        return "forbidden"
    if response.status_code == 404 and (permission in ("secret_link", "signed_in")):
        return "missing"
    if permission == "stripe" and response.status_code == 400:
        return "unsigned"
    return "in"


def faults(app: Flask, world: World, person: str, *, path: str | None = None) -> list[str]:
    """What each route (or the one at ``path``) does for this person, where it is not what it declares.

    Links first, and what is found by an address: what somebody signed in changes about the account makes them useless.
    """
    found = []
    for rule in sorted(routes(app), key=lambda r: (permission_of(app, r) != "secret_link", not r.rule.startswith("/host"))):
        permission = permission_of(app, rule) or "nothing"
        if path not in (None, rule.rule):
            continue
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            if rule.endpoint == "accounts.sign_in" or rule.endpoint == "accounts.code":
                continue  # the door itself: it answers everybody, and leads to itself
            wanted = expected(permission, rule.endpoint, person)
            response = client(app, world, person).open(address(app, rule, world, person), method=method, base_url=SITE_URL)
            response.close()  # as a server does: an export's file is gone
            if (got := outcome(permission, response)) != wanted:
                found.append(f"{method} {rule.rule} ({permission}) for {person}: {got}, not {wanted}")
    return found


def address(app: Flask, rule: Rule, world: World, person: str) -> str:
    """The route's address with what this person knows: the right token, one that is good elsewhere, or none that is good."""
    head = rule.rule.partition("<")[0].strip("/")
    values: dict[str, Any] = {}
    for name in rule.arguments:
        if name == "slug":
            values[name] = "hosted" if head == "host" else world.slug
        elif name == "token":
            opens = head.startswith("admin") or head == "account/new-address" or person in ("guest link", "member")
            right, elsewhere = world.tokens.get(head, world.tokens["registrations"]), world.others.get(head, WRONG)
            values[name] = right if opens else elsewhere if person == "other guest" else WRONG
        else:
            values[name] = world.numbers.get(name, 1)
    return str(app.url_map.bind("muster.test").build(rule.endpoint, values, method=next(iter(rule.methods or {"GET"}))))


def client(app: Flask, world: World, person: str) -> OutsideClient:
    """A browser that was just opened, signed in as this person."""
    made = OutsideClient(app, app.response_class, use_cookies=True)
    if person not in STRANGERS:
        with transaction() as db:
            token = sign_ins.add(db, world.users[person], "Matrix")
        with made.session_transaction(base_url=SITE_URL) as cookie:
            cookie["_user_id"], cookie["_fresh"] = token, True
    return made


@pytest.fixture
def world(sqlite_app: Flask, stripe_simulator: Any) -> World:
    """A guest with a booking, a member with one of each link, and somebody for every other column."""
    sqlite_app.config.update(WTF_CSRF_ENABLED=False, WTF_CSRF_CHECK_DEFAULT=False, RATELIMIT_ENABLED=False)
    club_session = make_free_club_session()
    order = order_of(begin(club_session, email="guest@example.org", name="Gina Guest", expected_price_cents=0))
    other = order_of(begin(club_session, email="other@example.org", name="Otto Other", expected_price_cents=0))
    booking, theirs = the(Registration, order_id=order.id), the(Registration, order_id=other.id)
    users = {name: make_user(role=Role(name)).id for name in ("desk", "staff", "admin")}
    member = make_user(email="member@example.org", name="Mia Member")
    make_membership(member)
    hosted = make_draft(member, slug="hosted")
    invitation = HostRole(club_session_id=hosted.id, email="member@example.org", token="i" * 32)
    users |= {"member": member.id, "other member": make_user(name="Olga Other").id}
    with transaction() as db:
        link = {"user_id": member.id, "valid_for": account_tokens.LINK}
        join = account_tokens.issue(db, TokenPurpose.SIGN_UP, "new@example.org", valid_for=account_tokens.LINK)
        reset = account_tokens.issue(db, TokenPurpose.NEW_PASSWORD, "member@example.org", **link)  # type: ignore[arg-type]
        move = account_tokens.issue(db, TokenPurpose.CHANGE_EMAIL, "moved@example.org", **link)  # type: ignore[arg-type]
        case = Case(dedupe_key="matrix", kind="mail_failed", detail={})
        db.add(case)
        db.add(invitation)
        db.flush()
        case_id = case.id
    course = make_course("The grip", price_cents=0)
    product_files.add(course, io.BytesIO(PDF), "grip.pdf", None, "user:1", once="matrix-course-file")
    bought = purchase_of(begin_product(course, "guest@example.org")).token
    tokens = {"purchases": bought, "orders": order.token, "registrations": booking.token, "offers": booking.token,
              "account/join": join,
              "account/new-password": reset, "account/new-address": move, "account/calendar": member.calendar_token,
              "account/card": str(member.card_token), "admin/registrations": booking.token,
              "admin/money/orders": order.token, "host/invitations": "i" * 32}  # fmt: skip
    others = {"orders": theirs.token, "registrations": other.token, "offers": other.token, "account/join": reset,
              "account/new-password": join, "account/calendar": other.token, "account/card": other.token}  # fmt: skip
    mail_id = min(mail.id for mail in all_of(OutgoingEmail))
    numbers = {"case_id": case_id, "email_id": mail_id, "event_id": "evt_1", "role_id": 999,
               "file_token": the(ProductFile).token}  # fmt: skip
    return World(club_session.slug, tokens, others, numbers, users)


def test_every_route_declares_what_its_place_allows(sqlite_app: Flask) -> None:
    assert_none(undeclared(sqlite_app), "A route is opened on purpose: declare who may use it, and where such routes stand.")


@pytest.mark.parametrize("person", PERSONS)
def test_each_route_lets_in_whom_it_declares_and_nobody_else(sqlite_app: Flask, world: World, person: str) -> None:
    assert_none(faults(sqlite_app, world, person), "Only those who may, see (promise 12).")


@pytest.mark.parametrize("path", ["/account", "/account/data.json", "/account/card", "/account/settings"])
def test_another_members_pages_tell_nothing_of_mine(sqlite_app: Flask, world: World, path: str) -> None:
    shown = client(sqlite_app, world, "other member").get(path, base_url=SITE_URL).get_data(as_text=True)
    assert "Olga Other" in shown
    assert not any(word in shown for word in ("Mia Member", "member@example.org", *world.tokens.values()))


@pytest.fixture
def careless(sqlite_app: Flask, world: World) -> Iterator[Callable[..., None]]:
    """Adds a route to the site as it runs: what a careless change would do."""
    before = dict(sqlite_app.view_functions)

    def add(path: str, view: Callable[..., Any], *, says: str | None = None) -> None:
        if says is not None:
            view.muster_permission = says  # type: ignore[attr-defined]
        sqlite_app.view_functions[path] = view
        sqlite_app.url_map.add(Rule(path, endpoint=path, methods=["GET"]))

    yield add
    sqlite_app.view_functions = before


def test_undeclared_or_misplaced_route_is_found(sqlite_app: Flask, careless: Callable[..., None]) -> None:
    careless("/admin/secrets", lambda: "shown")
    careless("/admin/open", public(lambda: "shown"))
    careless("/somewhere-new", signed_in(lambda: "shown"))
    found = sorted(fault.partition(" ")[0] for fault in undeclared(sqlite_app))
    assert found == ["/admin/open", "/admin/secrets", "/somewhere-new"]


@pytest.mark.parametrize(
    ("path", "says", "guard", "person"),
    [
        ("/admin/loose", "role:admin", None, "staff"),
        ("/admin/loose", "role:staff", staff_only(Role.DESK), "desk"),
        ("/account/loose", "signed_in", None, "anonymous"),
        ("/admin/tight", "role:desk", staff_only(Role.ADMIN), "staff"),
        ("/orders/<token:token>/loose", "secret_link", None, "other guest"),
    ],
)
def test_route_that_does_not_do_what_it_declares_is_found(
    sqlite_app: Flask, world: World, careless: Callable[..., None], path: str, says: str, guard: Any, person: str
) -> None:
    careless(path, guard(lambda: "shown") if guard else lambda **_: "shown", says=says)
    found = faults(sqlite_app, world, person, path=path)
    assert len(found) == 1 and path in found[0]
