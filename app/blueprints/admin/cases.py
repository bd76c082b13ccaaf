"""What only a person can decide about money and mail: the open cases, each with what to do, and the decisions on them."""

from __future__ import annotations

from collections.abc import Callable

from flask import abort, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from ...config import current_settings
from ...queries import desk_cases
from ...queries.desk_cases import CaseView
from ...rules.statuses import Role
from ...security import fresh_second_factor, staff_only
from ...services import adopted_refunds, failed_refunds, suspense
from ...services import cases as case_service
from ...services.by_hand import Means
from ...templating import money as money_words
from .. import viewer
from . import bp
from .action_forms import LineForm, MeansForm, ReasonForm, walk
from .paging import page_number

DECIDED_BY_MONEY = {
    suspense.KIND: ["give-back", "keep"],
    suspense.BY_HAND: ["paid-by-hand"],
    adopted_refunds.KIND: ["attribute"],
}
"""These are closed by what becomes of the money only, because the books must say it."""


@bp.get("/cases")
@staff_only(Role.STAFF)
def cases() -> ResponseReturnValue:
    """Open cases, or with ``?show=closed`` those that are decided."""
    closed = request.args.get("show") == "closed"
    return render_template("admin/cases.html", page=desk_cases.lines(page_number(), closed=closed), closed=closed)


@bp.get("/cases/<int:case_id>")
@staff_only(Role.STAFF)
def case(case_id: int) -> ResponseReturnValue:
    """One case: what happened, what to do, and who decided it once it is closed."""
    return render_template("admin/case.html", case=_case(case_id))


@bp.route("/cases/<int:case_id>/give-back", methods=["GET", "POST"])
@staff_only(Role.STAFF)
@fresh_second_factor
def case_give_back(case_id: int) -> ResponseReturnValue:
    """Send all of a payment that fits no order back to the card."""
    return _decide(case_id, "give-back", lambda why: suspense.give_back(case_id, viewer.actor(), why))


@bp.route("/cases/<int:case_id>/keep", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def case_keep(case_id: int) -> ResponseReturnValue:
    """Keep a payment that fits no order, as other income."""
    return _decide(case_id, "keep", lambda why: suspense.keep(case_id, viewer.actor(), why))


@bp.route("/cases/<int:case_id>/try-again", methods=["GET", "POST"])
@staff_only(Role.STAFF)
@fresh_second_factor
def case_try_again(case_id: int) -> ResponseReturnValue:
    """Ask Stripe once more for a refund that failed."""
    return _decide(case_id, "try-again", lambda why: failed_refunds.try_again(case_id, viewer.actor(), why))


@bp.route("/cases/<int:case_id>/paid-by-hand", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def case_paid_by_hand(case_id: int) -> ResponseReturnValue:
    """Somebody has paid the money back in cash or by bank: the books follow."""
    form, failed = MeansForm(), _case(case_id).line.kind == failed_refunds.KIND
    paid = failed_refunds.paid_by_hand if failed else suspense.paid_by_hand
    return _decide(case_id, "paid-by-hand", lambda why: paid(case_id, viewer.actor(), why, Means(form.means.data)), form)


@bp.route("/cases/<int:case_id>/attribute", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def case_attribute(case_id: int) -> ResponseReturnValue:
    """Say for which line of an order money went back at Stripe."""
    form = LineForm(lines=desk_cases.order_lines(case_id))
    return _decide(
        case_id, "attribute", lambda why: adopted_refunds.attribute(case_id, int(form.line.data), viewer.actor(), why), form
    )


@bp.route("/cases/<int:case_id>/close", methods=["GET", "POST"])
@staff_only(Role.STAFF)
def case_close(case_id: int) -> ResponseReturnValue:
    """It has been dealt with elsewhere: close it and say how."""
    return _decide(case_id, "close", lambda why: case_service.close(case_id, why, viewer.actor()))


def decisions(case: CaseView) -> list[str]:
    """What may be decided about a case, the usual first; nothing once it is closed."""
    if case.line.closed_at is not None:
        return []
    if case.line.kind in DECIDED_BY_MONEY:
        return DECIDED_BY_MONEY[case.line.kind]
    still_owed = case.line.kind == failed_refunds.KIND and case.left_cents >= case.cents
    return ["try-again", "paid-by-hand", "close"] if still_owed else ["close"]


def _case(case_id: int) -> CaseView:
    return desk_cases.one(case_id, current_settings().currency) or abort(404)


def _decide(
    case_id: int, decision: str, act: Callable[[str], object], form: ReasonForm | None = None
) -> ResponseReturnValue:
    """The form, the check and the deed of one decision. A case decided meanwhile shows who decided it, and how."""
    case = _case(case_id)
    if case.line.closed_at is not None:
        return render_template("admin/case.html", case=case), 409 if request.method == "POST" and not _mine(case) else 200
    if decision not in decisions(case):
        abort(404)
    form = form or ReasonForm()

    def decide() -> str:
        act(form.reason.data)
        return _done(decision, case)

    here = url_for("admin.case", case_id=case_id)
    return walk(form, "admin/case_decision.html", decide, lambda: here, case=case, decision=decision)


def _mine(case: CaseView) -> bool:
    """Whether it was this person's own decision: the second of two clicks is no mistake."""
    return case.line.actor == viewer.actor()


def _done(decision: str, case: CaseView) -> str:
    amount = money_words(case.cents, case.currency)
    return {
        "give-back": _("%(amount)s goes back to the card. We write to %(email)s.", amount=amount, email=case.email or ""),
        "keep": _("%(amount)s is kept, and booked as other income.", amount=amount),
        "try-again": _("We ask Stripe again to send back %(amount)s.", amount=amount),
        "paid-by-hand": _("%(amount)s is paid back, and booked as paid out by hand.", amount=amount),
        "attribute": _("%(amount)s is booked as given back for what you chose.", amount=amount),
        "close": _("The case is closed."),
    }[decision]


bp.context_processor(lambda: {"case_decisions": decisions})
