"""Gathers the desk's pages on its blueprint, and gives their templates the desk's words. Called by ``create_app``."""

from __future__ import annotations

from ...rules.addresses import has_mailbox
from ...security import may
from . import (
    actions,
    adding,
    announcements,
    answers,
    applications,
    audit_log,
    booking_changes,
    bp,
    cases,
    club_sessions,
    codes,
    doctor,
    door,
    holds,
    listings,
    mail_texts,
    memberships,
    money,
    money_exports,
    money_lists,
    money_reports,
    notices,
    people,
    people_export,
    product_contents,
    products,
    questions,
    record,
    registration_export,
    registrations,
    session_actions,
    today,
    walk_ins,
)
from .money_words import WORDS as MONEY_WORDS
from .paging import page_url, sort_url
from .record_words import WORDS

__all__ = [
    "actions",
    "adding",
    "announcements",
    "answers",
    "applications",
    "audit_log",
    "booking_changes",
    "bp",
    "cases",
    "club_sessions",
    "codes",
    "doctor",
    "door",
    "holds",
    "listings",
    "mail_texts",
    "memberships",
    "money",
    "money_exports",
    "money_lists",
    "money_reports",
    "notices",
    "people",
    "people_export",
    "product_contents",
    "products",
    "questions",
    "record",
    "registration_export",
    "registrations",
    "session_actions",
    "today",
    "walk_ins",
]


HELPERS = {"may": may, "has_mailbox": has_mailbox, "page_url": page_url, "sort_url": sort_url}


bp.context_processor(lambda: {**HELPERS, **WORDS, **MONEY_WORDS})
