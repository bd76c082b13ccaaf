"""Signing in and out. The same answer and the same time for known and unknown addresses; wrong tries are limited, right ones
are not.
"""

from __future__ import annotations

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_limiter.util import get_remote_address
from flask_login import logout_user

from ...extensions import limiter
from ...security import carried, carry, public
from ...services import sign_ins, users
from .forms import SignInForm

bp = Blueprint("accounts", __name__, url_prefix="/account")


def _failed(response: Response) -> bool:
    return response.status_code == 422


def _account() -> str:
    """Limits hold for one address from one place, so that nobody can lock a stranger out."""
    return f"{get_remote_address()}|{request.form.get('email', '').strip().lower()[:254]}"


@bp.route("/sign-in", methods=["GET", "POST"])
@limiter.limit("30/minute;200/hour", methods=["POST"], deduct_when=_failed)
@limiter.limit("5/minute;20/hour", key_func=_account, methods=["POST"], deduct_when=_failed)
@public
def sign_in() -> ResponseReturnValue:
    """Sign in with address and password, then go where the person was heading."""
    form = SignInForm(next=request.args.get("next", ""))
    if request.method == "POST" and form.validate():
        user = users.authenticate(form.email.data, form.password.data)
        if user is not None:
            carry(sign_ins.start(user.id, str(request.user_agent), replaces=carried()))
            return redirect(_local(form.next.data), 303)
        form.password.errors = [_("Check your e-mail address and password and try again")]
    return render_template("accounts/sign_in.html", form=form), 422 if form.errors else 200


@bp.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """Sign out. Harmless for whoever is not signed in."""
    if token := carried():
        sign_ins.end(token)
    logout_user()
    cookie.clear()
    return redirect(url_for("public.sessions"), 303)


def _local(target: str | None) -> str:
    """Only a path on this site: anything else is somebody's trick."""
    if target and target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable():
        return target
    return url_for("public.sessions")
