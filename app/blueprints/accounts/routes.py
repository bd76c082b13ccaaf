"""Signing in and out, with a password, a code or the club's provider. The same answer and the same work for known and unknown
addresses; wrong tries are limited, right ones are not. Gathers the other pages of accounts on their blueprint.
"""

from __future__ import annotations

import secrets

from flask import redirect, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user, logout_user

from ...rules.refusals import Refusal
from ...security import carried, carry, public
from ...services import accounts, accounts_provider, sign_ins
from . import bp, changing, codes, joining, limits, mine
from .forms import CodeForm, SignInForm
from .showing import device, local, show

__all__ = ["bp", "changing", "codes", "joining", "mine"]

STEP, NEXT, LEFT = "step", "next", "left_for_provider"


@bp.route("/sign-in", methods=["GET", "POST"])
@limits.signing_in
@public
def sign_in() -> ResponseReturnValue:
    """Sign in with address and password, then go where the person was heading; a code may be asked for in between."""
    form = SignInForm(next=request.args.get("next", ""))
    if request.method == "POST" and form.validate():
        entry = accounts.sign_in(form.email.data, form.password.data, device(), carried())
        if entry is not None:
            return _enter(entry, form.next.data)
        form.password.errors = [_("Check your e-mail address and password and try again")]
    return show("sign_in", form, note=request.args.get("note"))


@bp.route("/code", methods=["GET", "POST"])
@limits.using_links
@public
def code() -> ResponseReturnValue:
    """The code that is asked for after a right password."""
    step = cookie.get(STEP)
    if not isinstance(step, str):
        return redirect(url_for("accounts.sign_in"), 303)
    form = CodeForm()
    if form.validate_on_submit():
        try:
            token = accounts.enter_with_code(step, form.code.data, device(), carried())
        except accounts.LinkOver:
            return redirect(url_for("accounts.sign_in", note="too-late"), 303)
        except Refusal as refusal:
            return show("code", form, refusal, action=url_for("accounts.code"))
        return _carry_on(token, cookie.get(NEXT))
    return show("code", form, action=url_for("accounts.code"))


@bp.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """Sign out. Harmless for whoever is not signed in."""
    if token := carried():
        sign_ins.end(token)
    logout_user()
    cookie.clear()
    return redirect(url_for("public.sessions"), 303)


@bp.get("/provider/start")
@public
def provider_start() -> ResponseReturnValue:
    """Leave for the club's sign-in provider. A GET, because a form may not lead to a site that the CSP does not know."""
    leaving = accounts_provider.leave()
    cookie[LEFT] = [leaving.state, leaving.nonce, leaving.verifier, request.args.get("next", "")]
    return redirect(leaving.url, 303)


@bp.get("/provider/return")
@limits.using_links
@public
def provider_return() -> ResponseReturnValue:
    """Back from the provider: only the browser that left may come back, and only once."""
    left = cookie.pop(LEFT, None)
    state = request.args.get("state", "")
    if not isinstance(left, list) or len(left) != 4 or not secrets.compare_digest(str(left[0]).encode(), state.encode()):
        raise accounts_provider.ProviderSaidNo
    if "code" not in request.args:
        raise accounts_provider.ProviderSaidNo
    entry = accounts_provider.come_back(request.args["code"], str(left[1]), str(left[2]), device(), carried())
    return _enter(entry, str(left[3]))


def _enter(entry: accounts.Entry, target: str | None) -> ResponseReturnValue:
    if entry.sign_in_token is not None:
        return _carry_on(entry.sign_in_token, target)
    cookie[STEP], cookie[NEXT] = entry.step_token, target or ""
    return redirect(url_for("accounts.code"), 303)


def _carry_on(token: str, target: str | None) -> ResponseReturnValue:
    carry(token)
    limits.remember_browser(current_user.email)
    return redirect(local(target), 303)
