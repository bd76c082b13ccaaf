"""Small things that the account's views share: a form's page, who is here, where to go next. Called by its modules alone."""

from __future__ import annotations

from typing import Any

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ...rules.refusals import Refusal
from ...services.sign_ins import SignedIn
from .forms import AccountForm

BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
SYSTEMS = ("iPhone", "iPad", "Android", "Windows", "Mac", "Linux")


def show(template: str, form: AccountForm, refusal: Refusal | None = None, **values: Any) -> ResponseReturnValue:
    """The form's page: 200, 422 for what must be mended, or the refusal's own status."""
    notice = form.refuse(refusal) if refusal is not None else None
    status = refusal.status if refusal is not None else 422 if form.errors else 200
    return render_template(f"accounts/{template}.html", form=form, notice=notice, **values), status


def me() -> SignedIn:
    """Whoever is signed in here; only for views that somebody must be signed in for."""
    person: SignedIn = current_user.person
    return person


def device() -> str:
    """This browser in a few words, for its owner to know it again: "Firefox, Windows"."""
    agent = str(request.user_agent)
    browser = next((words for mark, words in BROWSERS if mark in agent), "Browser")
    system = next((name for name in SYSTEMS if name in agent), "")
    return f"{browser}, {system}" if system else browser


def local(target: str | None) -> str:
    """Only a path on this site: anything else is somebody's trick."""
    if target and target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable():
        return target
    return url_for("public.sessions")
