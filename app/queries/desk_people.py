"""Who an actor of the record is, by name. Called by the desk's pages; one statement, however many actors."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select

from ..extensions import db
from ..models import User

PREFIX = "user:"


def names(actors: Iterable[str]) -> dict[str, str]:
    """The name of each actor who is a person with an account: ``{"user:7": "Mere Tūhoe"}``. The others are not in it."""
    ids = {int(actor.removeprefix(PREFIX)) for actor in actors if actor.startswith(PREFIX) and actor[len(PREFIX) :].isdigit()}
    rows = db.session.execute(select(User.id, User.name).where(User.id.in_(ids)))
    return {f"{PREFIX}{user_id}": name for user_id, name in rows}
