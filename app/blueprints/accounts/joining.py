"""Making an account and getting back into one, by a link in a mail. Every answer is the same for known and unknown addresses."""

from __future__ import annotations

from flask import Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ...rules.refusals import Refusal
from ...security import by_secret_link, public
from ...services import accounts
from . import bp, limits
from .forms import JoinForm, MailForm, NewPasswordForm
from .showing import show


@bp.after_request
def keep_private(response: Response) -> Response:
    """Nothing about accounts, and no address with a secret in it, is anybody's to keep or to index."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    return response


@bp.route("/sign-up", methods=["GET", "POST"])
@limits.asking_for_mail
@public
def sign_up() -> ResponseReturnValue:
    """Ask for an account: the link goes to the address."""
    form = MailForm()
    if form.validate_on_submit():
        accounts.ask_to_join(form.email.data)
        return render_template("accounts/check_email.html", email=form.email.data, again=url_for("accounts.sign_up"))
    return show("sign_up", form)


@bp.route("/forgotten-password", methods=["GET", "POST"])
@limits.asking_for_mail
@public
def forgotten_password() -> ResponseReturnValue:
    """Ask for a new password: the link goes to the address."""
    form = MailForm()
    if form.validate_on_submit():
        accounts.ask_new_password(form.email.data)
        again = url_for("accounts.forgotten_password")
        return render_template("accounts/check_email.html", email=form.email.data, again=again)
    return show("forgotten_password", form)


@bp.route("/join/<token:token>", methods=["GET", "POST"])
@limits.using_links
@by_secret_link
def join(token: str) -> ResponseReturnValue:
    """The link of a sign-up: choose a name and a password, and the account is there, its address confirmed."""
    link = accounts.link(token)
    if link is None or not link.is_new:
        raise accounts.LinkOver
    form = JoinForm()
    if form.validate_on_submit():
        try:
            accounts.join(token, form.name.data, form.password.data)
        except Refusal as refusal:
            return show("join", form, refusal, email=link.email)
        limits.remember_browser(link.email)
        return redirect(url_for("accounts.sign_in", note="joined"), 303)
    return show("join", form, email=link.email)


@bp.route("/new-password/<token:token>", methods=["GET", "POST"])
@limits.using_links
@by_secret_link
def new_password(token: str) -> ResponseReturnValue:
    """The link for choosing a password: of a reset, or of an account that was made with a membership."""
    link = accounts.link(token)
    if link is None or link.is_new:
        raise accounts.LinkOver
    form = NewPasswordForm()
    if request.method == "POST" and form.validate():
        try:
            accounts.set_password(token, form.password.data)
        except Refusal as refusal:
            return show("new_password", form, refusal, email=link.email)
        limits.remember_browser(link.email)
        return redirect(url_for("accounts.sign_in", note="password"), 303)
    return show("new_password", form, email=link.email)
