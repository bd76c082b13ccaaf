"""Applying for a place and hosting a session in a real browser, from the first form to Stripe and back. JavaScript is off."""

from __future__ import annotations

from typing import Any

import pytest

from app.models import ClubSession, Registration
from app.rules.statuses import Entry, Role
from tests.journeys.walk import CARD, Walk
from tests.support.factories import PASSWORD, make_club_session, make_user
from tests.support.rows import the

pytestmark = pytest.mark.browser


def sign_in(walk: Walk, email: str) -> None:
    walk.open("/account/sign-in")
    walk.fill(email=email, password=PASSWORD)
    walk.press("Sign in")


def test_applicant_applies_is_accepted_confirms_and_pays(walk: Walk, stripe: Any) -> None:
    make_user(email="staff@club.example", role=Role.STAFF, password=PASSWORD)
    make_club_session(slug="retreat", title="Retreat", entry=Entry.APPLICATION, capacity=1)
    walk.open("/sessions/retreat")
    walk.look("session page, by application")
    walk.follow("Apply")
    walk.fill(name="Aroha Ngata", email="aroha@club.example", places="1")
    walk.look("application form")
    walk.press("Continue")
    walk.look("check page of an application")
    walk.press("Send application")
    assert walk.h1 == "We have your application"
    walk.look("order page, under review")
    mine = walk.path
    sign_in(walk, "staff@club.example")
    walk.open("/admin/sessions/retreat/applications")
    walk.page.get_by_label("Aroha Ngata").check()
    walk.look("applications")
    walk.press("Accept")
    assert walk.fact("Who is told") == "1 person, by e-mail"
    walk.look("check page of a decision")
    walk.press("Accept and tell them")
    assert "1 person is accepted and told." in walk.text
    walk.open(mine)
    assert walk.h1 == "You are accepted"
    walk.look("order page, accepted")
    walk.press("Confirm and pay NZ$12.00")
    assert walk.pay_with(CARD, words="Pay NZ$12.00") == 200
    assert walk.h1 == "You are registered" and the(Registration).status == "registered"


def test_host_drafts_pays_and_is_published(walk: Walk, stripe: Any) -> None:
    make_user(email="hana@club.example", name="Hana Host", password=PASSWORD)
    sign_in(walk, "hana@club.example")
    walk.open("/host")
    walk.look("sessions somebody hosts, none")
    walk.follow("Draft a session")
    walk.look("form of a host")
    walk.fill(title="Pottery", starts_day="2026-05-02", starts_time="10:00", ends_time="12:00", capacity="8")
    walk.press("Save")
    assert walk.h1 == "Pottery"
    walk.look("host's page, draft")
    walk.press("Pay NZ$12.00 and publish")
    assert walk.pay_with(CARD, words="Pay NZ$12.00") == 200
    assert walk.h1 == "The listing fee is paid" and the(ClubSession).status == "published"
    walk.look("order page, listing paid")
    walk.open(f"/host/{the(ClubSession).slug}")
    walk.look("host's page, published")
    walk.follow("Registrations: 0 of 8")
    walk.look("who comes, for the host")
    walk.open(f"/sessions/{the(ClubSession).slug}")
    assert walk.h1 == "Pottery"
