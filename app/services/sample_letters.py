"""Believable facts for every mail that Muster writes, so that the committee can read what people are told. Shown by the desk.

Everybody and everything is made up. A template without a sample fails a test, so that no mail can be forgotten here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from .. import clock
from ..config import current_settings
from . import outbox
from .outbox import Rendered

Facts = Mapping[str, Any]
REFERENCE = "K7M4QX"
PRICE_CENTS = 1200


def templates() -> Sequence[str]:
    """Every template that has a sample, in the order in which a person would meet them."""
    return list(_SAMPLES)


def rendered(template: str) -> list[Rendered]:
    """The mail as it would be sent, once for each of the occasions that word it differently; empty for an unknown template."""
    return [outbox.render(template, facts) for facts in (_SAMPLES[template]() if template in _SAMPLES else [])]


def _starts_at() -> datetime:
    """An evening next week."""
    return (clock.now() + timedelta(days=8)).replace(hour=6, minute=0, second=0, microsecond=0)


def _session(**changes: Any) -> dict[str, Any]:
    site, starts_at = current_settings().site_url, _starts_at()
    return {
        "title": "Social badminton",
        "slug": "social-badminton",
        "url": f"{site}/sessions/social-badminton",
        "location": "Harbour Sports Hall, 12 Quay Street",
        "starts_at": starts_at.isoformat(),
        "ends_at": (starts_at + timedelta(hours=2)).isoformat(),
        "time_zone": current_settings().time_zone,
        "places": 2,
        "registration_reference": REFERENCE,
        "registration_url": f"{site}/registrations/sample",
        "qr_id": f"{REFERENCE}@qr",
        "calendar_sequence": 0,
        "refund_terms": {"policy": "full", "until": (starts_at - timedelta(days=1)).isoformat(), "percent": 100, "fee_cents": 0},
        "waitlist_position": None,
        **changes,
    }


def _membership() -> dict[str, Any]:
    today = clock.now().date()
    return {
        "plan": "Annual membership",
        "starts_on": today.isoformat(),
        "ends_on": date(today.year + 1, today.month, min(today.day, 28)).isoformat(),
        "url": f"{current_settings().site_url}/membership",
    }


def _item(description: str, quantity: int, cents: int, **more: Any) -> dict[str, Any]:
    return {
        "description": description, "quantity": quantity, "unit_amount_cents": cents, "amount_cents": cents * quantity,
        "lines": [], "session": None, "membership": None, "link": None, "password_url": None, **more,
    }  # fmt: skip


def _order(*items: dict[str, Any], paid: bool = True, **more: Any) -> dict[str, Any]:
    settings = current_settings()
    return {
        "site_name": settings.site_name,
        "name": "Mere Tūhoe",
        "order_reference": "R8T2WN",
        "order_url": f"{settings.site_url}/orders/sample",
        "currency": settings.currency,
        "total_cents": sum(item["amount_cents"] for item in items),
        "paid_at": clock.now().isoformat() if paid else None,
        "items": list(items),
        **more,
    }


def _booking(*, paid: bool = True, **more: Any) -> list[Facts]:
    """An order of two places in one session."""
    return [_order(_item("Social badminton", 2, PRICE_CENTS, session=_session()), paid=paid, **more)]


def _refunded() -> list[Facts]:
    ways = (0, PRICE_CENTS, 2 * PRICE_CENTS)
    return [fact for way in ways for fact in _booking(refund={"amount_cents": 2 * PRICE_CENTS, "by_hand_cents": way})]


def _session_cancelled() -> list[Facts]:
    """Paid, free, and still being paid: by itself, and in an order with other things."""
    unpaid = [fact for rest in (False, True) for fact in _booking(paid=False, unpaid=True, rest_ended=rest)]
    return [*_refunded(), *_booking(paid=False), *unpaid]


def _confirmation() -> list[Facts]:
    joined = _order(
        _item("Social badminton", 1, 800, session=_session(places=1)),
        _item("Annual membership", 1, 6000, membership=_membership(), password_url=_link("/account/join")),
    )
    free = _order(_item("Annual general meeting", 1, 0, session=_session(title="Annual general meeting", places=1)), paid=False)
    return [*_booking(), joined, free]


def _waitlisted() -> list[Facts]:
    return [_order(_item("Social badminton", 1, PRICE_CENTS, session=_session(places=1, waitlist_position=3)), paid=False)]


def _offer() -> list[Facts]:
    return _booking(paid=False, offer={"url": _link("/offers"), "registration_id": 1, "minutes": 1440})


def _listing(**more: Any) -> list[Facts]:
    """The fee that a host paid for a session of their own."""
    link = {"url": _link("/host"), "words": "Your page of this session"}
    return [_order(_item("Listing of “Pottery”", 1, PRICE_CENTS, link=link), **more)]


def _listing_rejected() -> list[Facts]:
    """Kept as a draft, and cancelled for good."""
    said = {"reason": "The hall is taken that day.", "refund": {"amount_cents": PRICE_CENTS}}
    return [fact for cancelled in (False, True) for fact in _listing(cancelled=cancelled, **said)]


def _hosted_cancelled() -> list[Facts]:
    """To the host whose fee is kept, with an address to write to and without, of a draft, and to who helps."""
    about = {"site_name": current_settings().site_name, "url": _link("/host"), "session": _session(title="Pottery")}
    said = about | {"name": "Mere Tūhoe", "reason": "The hall is taken that day.", "ask": "", "published": True, "fee_kept": True}
    draft, helper = {"published": False, "fee_kept": False}, {"fee_kept": False}
    to_host = [{**said, "hosts": True, **more} for more in ({"ask": "treasurer@club.example"}, {}, draft)]
    return [*to_host, {**said, "hosts": False, **helper}]


def _co_host() -> Facts:
    host = {"name": "", "host": "Mere Tūhoe", "title": "Pottery", "url": _link("/host/invitations")}
    return {"site_name": current_settings().site_name, **host}


def _moved() -> list[Facts]:
    left = _session(title="Tuesday badminton")
    return [*_booking(left=left), *_booking(left=left, refund={"amount_cents": 400, "by_hand_cents": 0})]


def _changed() -> list[Facts]:
    """Paid for, and free: what cancelling gives back is worded differently."""
    old, zone = _starts_at() - timedelta(days=1), current_settings().time_zone
    ends_at = old + timedelta(hours=2)
    was = {"starts_at": old.isoformat(), "ends_at": ends_at.isoformat(), "time_zone": zone, "location": "Hall 2"}
    free = _order(_item("Annual general meeting", 1, 0, session=_session(title="Annual general meeting", places=1)), paid=False)
    return [*_booking(was=was), {**free, "was": was}]


def _difference() -> list[Facts]:
    more = _item("Social badminton, difference", 1, 400, session=_session())
    return [_order(more, paid=False, pay_by=(clock.now() + timedelta(days=2)).isoformat())]


def _accepted() -> list[Facts]:
    """Chosen by the committee, or next in reserve when somebody gave a place up."""
    offer = {"url": _link("/offers"), "registration_id": 1, "minutes": 2880, "until": None}
    until = (clock.now() + timedelta(days=2)).isoformat()
    chosen = _booking(paid=False, message="We look forward to your talk.", offer={**offer, "until": until, "rolled": False})
    return [*chosen, *_booking(paid=False, message="", offer={**offer, "rolled": True})]


def _answered() -> list[Facts]:
    """An application that gets no place now, with the committee's own words."""
    return _booking(paid=False, message="There were many more applications than places this time.")


def _bought_membership(**more: Any) -> list[Facts]:
    return [_order(_item("Annual membership", 1, 6000, membership=_membership()), **more)]


def _purchase(**more: Any) -> list[Facts]:
    """Something of the club's that is neither a place nor a membership."""
    link = {"words": "Open it", "url": _link("/account")}
    return [_order(_item("Skills course on video", 1, 2500, link=link), **more)]


def _product_refunded() -> list[Facts]:
    """All of it, which takes it away, and a part."""
    whole = _order(_item("Skills course on video", 1, 2500), access_ended=True, refund={"amount_cents": 2500, "by_hand_cents": 0})
    return [whole, *_purchase(access_ended=False, refund={"amount_cents": 500, "by_hand_cents": 0})]


def _membership_ending() -> list[Facts]:
    settings, ends_on = current_settings(), clock.now().date() + timedelta(days=30)
    return [{"site_name": settings.site_name, "name": "Mere Tūhoe", "ends_on": ends_on.isoformat(), "membership_url": _link("")}]


def _account(*occasions: str, **more: Any) -> Callable[[], list[Facts]]:
    """Mails about an account; some are worded differently for each occasion."""

    def facts() -> list[Facts]:
        site_name = current_settings().site_name
        return [
            {"site_name": site_name, "name": "Mere Tūhoe", "wanted": wanted, "url": _link("/account"), "mail_key": "", **more}
            for wanted in occasions
        ]

    return facts


def _membership_by_staff() -> list[Facts]:
    today = clock.now().date()
    span = {"starts_on": today.isoformat(), "ends_on": (today + timedelta(days=364)).isoformat()}
    return _account("given", "changed", "ended", **span)()


def _announcement() -> list[Facts]:
    text = "The heating is broken this week, so please bring something warm.\n\nWe play as usual, and there is hot tea."
    about = {"order_url": _link("/orders"), "order_reference": "R8T2WN", "subject": "Bring something warm", "text": text}
    return [
        {"site_name": current_settings().site_name, "name": "Mere Tūhoe", "session": _session(), "why": why, **about}
        for why in ("registered", "waiting", "unpaid")
    ]


def _link(path: str) -> str:
    """An address of ours that leads nowhere in particular: what a person gets there is their own."""
    return f"{current_settings().site_url}{path or '/membership'}"


_SAMPLES: dict[str, Callable[[], list[Facts]]] = {
    "confirmation": _confirmation,
    "payment_link": lambda: _booking(paid=False, pay_by=(clock.now() + timedelta(days=2)).isoformat()),
    "session_changed": _changed,
    "session_changed_waiting": _changed,
    "moved": _moved,
    "booking_changed": lambda: [*_booking(), *_booking(refund={"amount_cents": PRICE_CENTS, "by_hand_cents": 0})],
    "difference": _difference,
    "waitlisted": _waitlisted,
    "offer": _offer,
    "applied": lambda: _booking(paid=False),
    "accepted": _accepted,
    "in_reserve": _answered,
    "declined": _answered,
    "application_over": lambda: _booking(paid=False),
    "payment_failed": lambda: [*_booking(paid=False), *_purchase(paid=False), {**_difference()[0], "still_registered": True}],
    "offer_over": lambda: _booking(paid=False),
    "waitlist_over": _refunded,
    "booking_link": _booking,
    "cancelled": lambda: [*_booking(), *_booking(paid=False)],
    "refunded_cancelled": _refunded,
    "replaced": _refunded,
    "session_cancelled": _session_cancelled,
    "refunded_by_staff": _refunded,
    "refunded_late": _refunded,
    "refunded_double": _refunded,
    "refunded_mismatch": _refunded,
    "announcement": _announcement,
    "purchased": _purchase,
    "purchase_refunded": lambda: _purchase(refund={"amount_cents": 2500, "by_hand_cents": 0}),
    "product_refunded": _product_refunded,
    "membership_started": _bought_membership,
    "membership_ending": _membership_ending,
    "listing_published": _listing,
    "listing_in_review": _listing,
    "listing_rejected": _listing_rejected,
    "hosted_cancelled": _hosted_cancelled,
    "co_host": lambda: [_co_host()],
    "membership_by_staff": _membership_by_staff,
    "student_prices": _account("approved", "withdrawn"),
    "membership_refunded": lambda: _bought_membership(refund={"amount_cents": 6000, "by_hand_cents": 0}),
    "confirm_address": _account("join", "exists", "taken", "change"),
    "reset_password": _account("reset", "none"),
    "password_set": _account("password"),
    "role_changed": _account("desk", "staff", "admin", "none"),
    "address_changed": _account("address", new_address="mere@club.example"),
}
"""The facts of each template, by its folder under templates/emails: one set for each occasion that words it differently."""
