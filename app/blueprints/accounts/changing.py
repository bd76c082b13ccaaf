"""What people change about their own account: name, password, address, devices, and its end."""

from __future__ import annotations

from flask import redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_login import logout_user

from ...rules.refusals import Refusal
from ...security import carry, signed_in
from ...services import accounts_changing, sign_ins, two_factor
from ...services.accounts import LinkOver
from . import bp, limits
from .forms import AccountForm, AddressForm, ChangePasswordForm, DeleteForm, NameForm
from .showing import device, me, show


@bp.get("/settings")
@signed_in
def settings() -> ResponseReturnValue:
    """What can be changed, and where this person is signed in."""
    person = me()
    left = two_factor.recovery_codes_left(person.id) if person.has_second_factor else 0
    return render_template(
        "accounts/settings.html", person=person, devices=sign_ins.devices(person.id), codes_left=left,
        note=request.args.get("note"), form=AccountForm(),
    )  # fmt: skip


@bp.route("/name", methods=["GET", "POST"])
@signed_in
def name() -> ResponseReturnValue:
    """Another name."""
    form = NameForm(name=me().name)
    if form.validate_on_submit():
        accounts_changing.rename(me(), form.name.data)
        return redirect(url_for("accounts.settings", note="name"), 303)
    return show("name", form)


@bp.route("/password", methods=["GET", "POST"])
@limits.proving
@signed_in
def password() -> ResponseReturnValue:
    """Another password, or a first one; other browsers are signed out."""
    form = ChangePasswordForm(has_password=me().has_password)
    if form.validate_on_submit():
        try:
            token = accounts_changing.change_password(me(), form.current, form.password.data, device())
        except Refusal as refusal:
            return show("password", form, refusal)
        carry(token)
        return redirect(url_for("accounts.settings", note="password"), 303)
    return show("password", form)


@bp.route("/address", methods=["GET", "POST"])
@limits.proving
@signed_in
def address() -> ResponseReturnValue:
    """Ask for another address: the link goes there."""
    form = AddressForm(has_password=me().has_password)
    if form.validate_on_submit():
        try:
            accounts_changing.ask_new_address(me(), form.current, form.email.data)
        except Refusal as refusal:
            return show("address", form, refusal)
        return render_template("accounts/check_email.html", email=form.email.data, again=url_for("accounts.address"))
    return show("address", form)


@bp.route("/new-address/<token:token>", methods=["GET", "POST"])
@limits.using_links
@signed_in
def new_address(token: str) -> ResponseReturnValue:
    """The link that was sent to the new address; only whoever asked for it, signed in, can use it."""
    new = accounts_changing.new_address(me(), token)
    if new is None:
        raise LinkOver
    form = AccountForm()
    if form.validate_on_submit():
        accounts_changing.confirm_new_address(me(), token)
        return redirect(url_for("accounts.settings", note="address"), 303)
    return show("new_address", form, email=new)


@bp.post("/devices/sign-out-others")
@signed_in
def sign_out_others() -> ResponseReturnValue:
    """Sign every other browser out."""
    sign_ins.end_others(me())
    return redirect(url_for("accounts.settings", note="devices"), 303)


@bp.route("/delete", methods=["GET", "POST"])
@limits.proving
@signed_in
def delete() -> ResponseReturnValue:
    """End the account."""
    form = DeleteForm(has_password=me().has_password)
    if form.validate_on_submit():
        try:
            accounts_changing.delete_account(me(), form.current)
        except Refusal as refusal:
            return show("delete", form, refusal)
        logout_user()
        cookie.clear()
        return redirect(url_for("accounts.sign_in", note="deleted"), 303)
    return show("delete", form)
