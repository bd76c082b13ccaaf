"""The desk's people: everybody with an account, one person's page, their role (administrators only) and student prices."""

from __future__ import annotations

from flask import abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ... import clock
from ...queries import desk_accounts, desk_person
from ...queries.desk_accounts import Wanted, Who
from ...queries.desk_person import Account
from ...queries.memberships import club_today
from ...rules.statuses import Role
from ...security import fresh_second_factor, staff_only
from ...services import people_rights
from .. import viewer
from . import bp
from .action_forms import walk
from .paging import page_number
from .people_forms import APPROVE, ROLES, WITHDRAW, RoleForm, StudentForm

LONGEST_SEARCH = 200


@bp.get("/people")
@staff_only(Role.STAFF)
def people() -> ResponseReturnValue:
    """Everybody with an account; ``?q=`` searches by name, address or reference, ``?who=`` picks members, students, committee."""
    wanted = asked_for()
    page = desk_accounts.accounts(wanted, page_number(), club_today(clock.now()))
    return render_template("admin/people.html", page=page, wanted=wanted, guests=desk_accounts.guests(wanted.text), roles=ROLES)


def asked_for() -> Wanted:
    """The search as asked for, by the list's address or the export's form; a choice that there is not means everybody."""
    text, who = request.values.get("q", "").strip()[:LONGEST_SEARCH], request.values.get("who", "")
    return Wanted(text, Who(who) if who in set(Who) else Who.ANYBODY)


@bp.get("/people/<int:user_id>")
@staff_only(Role.STAFF)
def person(user_id: int) -> ResponseReturnValue:
    """One person: account, role and what it may do, membership, bookings, orders, and what was done to them."""
    page = desk_person.page(user_id, clock.now()) or abort(404)
    return render_template("admin/person.html", page=page, person=page.account, now=clock.now(), roles=ROLES)


@bp.get("/people/<int:user_id>/bookings")
@staff_only(Role.STAFF)
def person_bookings(user_id: int) -> ResponseReturnValue:
    """Everything they ever booked."""
    account = _account(user_id)
    return render_template("admin/person_bookings.html", person=account, page=desk_person.bookings(account, page_number()))


@bp.get("/people/<int:user_id>/orders")
@staff_only(Role.STAFF)
def person_orders(user_id: int) -> ResponseReturnValue:
    """Everything they ever ordered."""
    account = _account(user_id)
    return render_template("admin/person_orders.html", person=account, page=desk_person.orders(account, page_number()))


@bp.route("/people/<int:user_id>/role", methods=["GET", "POST"])
@staff_only(Role.ADMIN)
@fresh_second_factor
def person_role(user_id: int) -> ResponseReturnValue:
    """Give somebody another role. They are signed out everywhere and told."""
    account = _account(user_id)
    form, here = RoleForm(now_has=account.role), url_for("admin.person", user_id=user_id)

    def change() -> str:
        done = people_rights.change_role(user_id, Role(form.role.data), form.reason.data, viewer.actor(), once=form.once.data)
        return _role_said(account, Role(form.role.data)) if done else _("That was done already. Nothing was done twice.")

    own = viewer.user_id() == user_id
    return walk(form, "admin/person_role.html", change, lambda: here, person=account, own=own, back=here, roles=ROLES)


@bp.route("/people/<int:user_id>/student", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def person_student(user_id: int) -> ResponseReturnValue:
    """Let somebody have student prices without a student's address, or no longer."""
    account = _account(user_id)
    form = StudentForm(deed=WITHDRAW if account.is_approved_student else APPROVE)
    here = url_for("admin.person", user_id=user_id)

    def change() -> str:
        approves, once = form.approves, form.once.data
        if not people_rights.approve_student(user_id, approves, form.reason.data, viewer.actor(), once=once):
            return _("That was done already. Nothing was done twice.")
        said = {"name": account.name, "email": account.email}
        if approves:
            return _("%(name)s has student prices now. We write to %(email)s.", **said)
        return _("%(name)s has student prices no more. We write to %(email)s.", **said)

    return walk(form, "admin/person_student.html", change, lambda: here, person=account, back=here)


def _account(user_id: int) -> Account:
    return desk_person.account(user_id, clock.now()) or abort(404)


def _role_said(account: Account, role: Role) -> str:
    said = {"name": account.name, "role": ROLES[role][0], "email": account.email}
    return _("The role of %(name)s is now: %(role)s. They are signed out everywhere, and we write to %(email)s.", **said)
