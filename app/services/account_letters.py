"""Owes the mails about an account, and wipes their secrets once they are sent. Called by the accounts services.

The words are in templates/emails. A one-time link lies in the outbox only until its mail has been handed over.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from sqlalchemy import update
from sqlalchemy.orm import Session

from ..config import current_settings
from ..models import OutgoingEmail
from . import outbox

TEMPLATES = ("confirm_address", "reset_password", "address_changed", "password_set")


def owe(
    db: Session, template: str, to: str, *, wanted: str, url: str, name: str = "", about: str = "", **facts: str
) -> None:
    """Owe one mail to one address. ``wanted`` picks its words, ``url`` is what its button leads to.

    ``about``: whose account it is, where the address alone does not tell any more.
    """
    key = f"{template}:{f'u{about}:' if about else ''}{secrets.token_hex(12)}"
    context = {"site_name": current_settings().site_name, "name": name, "wanted": wanted, "url": url, "mail_key": key, **facts}
    outbox.owe(db, dedupe_key=key, to=to, template=template, context=context)


def site(path: str) -> str:
    """The absolute address of a page of ours."""
    return f"{current_settings().site_url}{path}"


def _wipe(db: Session, context: Mapping[str, Any]) -> None:
    """What was sent is in the mailbox; whoever reads our outbox or a backup must not be able to use it."""
    sent = update(OutgoingEmail).where(OutgoingEmail.dedupe_key == context["mail_key"])
    db.execute(sent.values(context={}, text_body=None, html_body=None))


for _template in TEMPLATES:
    outbox.after_sent(_template, _wipe)
