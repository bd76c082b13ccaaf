"""The payment page: what a payer sees at a session's `url`, from the card form to the way back to the club.

Served by `simulator.Simulator`; works without JavaScript, every POST answers with a redirect or with the form again.
"""
from __future__ import annotations

import re
from datetime import UTC, datetime

from flask import Blueprint, abort, redirect, render_template, request
from flask.typing import ResponseReturnValue

from .acts import payments, promotions
from .acts.payments import Attempt, Payer
from .cards import CARDS, card_for, is_card_number
from .core import Cause, Core
from .errors import ApiError
from .schema import looks_like_email
from .store import Record
from .webhooks import Deliverer

Errors = dict[str, str]
DONE = ("paid", "processing", "no_payment_required")


class HostedPage:
    """The views; registered by `blueprint`."""

    def __init__(self, core: Core, deliverer: Deliverer) -> None:
        self._core = core
        self._deliverer = deliverer

    def _session(self, id_: str) -> Record:
        with self._core.changes():
            record = self._core.store.get("checkout.session", id_)
        if record is None:
            abort(404)
        return record

    def _cause(self) -> Cause:
        return Cause(self._core.request_id())

    def show(self, id: str) -> ResponseReturnValue:
        """The form, or why there is none."""
        session = self._session(id)
        if session.object["status"] != "open":
            return self._closed(session, 200)
        return self._form(session, {}, 200)

    def _form(self, session: Record, errors: Errors, status: int) -> ResponseReturnValue:
        page = render_template(
            "simulator/pay.html", session=session.object, lines=session.private["lines"], cards=CARDS.values(),
            errors=errors, sent=request.form, merchant=self._core.settings.merchant_name,
            code=self._code_in_use(session),
        )  # fmt: skip
        return page, status

    def _code_in_use(self, session: Record) -> str | None:
        for discount in session.object["discounts"]:
            code = self._core.store.get("promotion_code", discount["promotion_code"])
            return code.object["code"] if code else None
        return None

    def _closed(self, session: Record, status: int) -> ResponseReturnValue:
        if session.object["status"] == "open":  # reached by answering a 3-D Secure step that is over
            return redirect(f"/c/pay/{session.id}", 303)
        complete = session.object["status"] == "complete"
        back = success_address(session) if complete else session.object["cancel_url"]
        return render_template("simulator/closed.html", session=session.object, complete=complete, back=back), status

    def pay(self, id: str) -> ResponseReturnValue:
        """The form comes in."""
        session = self._session(id)
        if session.object["status"] != "open":
            return self._closed(session, 409)
        errors = self._check(session)
        if errors:
            return self._form(session, errors, 422)
        payer = Payer(request.form.get("email", "").strip() or None, request.form.get("name", "").strip() or None)
        later = request.form.get("method") == "customer_balance"
        card = None if later else card_for(request.form.get("card_number", ""))
        with self._core.changes():
            attempt = payments.pay(self._core, session, card, payer, self._cause())
        return self._after(session, attempt)

    def _after(self, session: Record, attempt: Attempt) -> ResponseReturnValue:
        self._core.outgoing.wake()
        if attempt.outcome in DONE:
            if self._core.redirect_waits and attempt.event_id:
                self._deliverer.deliver_event(attempt.event_id, self._core.settings.redirect_wait_seconds)
            return redirect(success_address(session), 303)
        if attempt.outcome == "requires_action":
            return redirect(f"/c/pay/{session.id}/authenticate", 303)
        if attempt.outcome == "declined":
            return self._form(session, {"card_number": attempt.message}, 402)
        return self._closed(session, 409)

    def _check(self, session: Record) -> Errors:
        """What a payer can get wrong, by field."""
        sent, errors = request.form, Errors()
        if not session.object["customer_email"] and not looks_like_email(sent.get("email", "").strip()):
            errors["email"] = "Enter your e-mail address, like name@example.com"
        if session.object["amount_total"] == 0:
            return errors
        if sent.get("method", "card") not in session.object["payment_method_types"]:
            errors["method"] = "Choose how to pay"
        elif sent.get("method", "card") == "card":
            errors |= self._check_card()
        return errors

    def _check_card(self) -> Errors:
        sent, errors = request.form, Errors()
        if not is_card_number(re.sub(r"[ -]", "", sent.get("card_number", ""))):
            errors["card_number"] = "Enter the number on the card; this one is incomplete or mistyped"
        if not self._is_future(sent.get("expiry", "")):
            errors["expiry"] = "Enter a month that is not over yet, like 12/34"
        if not re.fullmatch(r"\d{3,4}", sent.get("cvc", "").strip()):
            errors["cvc"] = "Enter the 3 or 4 digits of the security code"
        if not sent.get("name", "").strip():
            errors["name"] = "Enter the name on the card"
        return errors

    def _is_future(self, expiry: str) -> bool:
        match = re.fullmatch(r"\s*(0[1-9]|1[0-2])\s*/?\s*(?:20)?(\d\d)\s*", expiry)
        now = datetime.fromtimestamp(self._core.clock.now(), UTC)
        return match is not None and (2000 + int(match[2]), int(match[1])) >= (now.year, now.month)

    def authenticate(self, id: str) -> ResponseReturnValue:
        """The bank's page in between."""
        session = self._session(id)
        if session.object["status"] != "open" or not session.private["pending"]:
            return self._closed(session, 200)
        return render_template("simulator/authenticate.html", session=session.object)

    def answer(self, id: str) -> ResponseReturnValue:
        """The payer's answer to the bank."""
        session = self._session(id)
        with self._core.changes():
            pending = session.private["pending"]
            card = card_for(pending["card"]) if pending else None
            success = request.form.get("answer") == "complete"
            attempt = payments.authenticate(self._core, session, card, success, self._cause())
        return self._after(session, attempt)

    def promotion_code(self, id: str) -> ResponseReturnValue:
        """A code is entered or taken out again."""
        session = self._session(id)
        if session.object["status"] != "open":
            return self._closed(session, 409)
        if not session.object["allow_promotion_codes"]:
            abort(404)
        try:
            with self._core.changes():
                if request.form.get("remove"):
                    promotions.remove(self._core, session)
                else:
                    self._enter(session, request.form.get("promotion_code", ""))
        except ApiError as error:
            return self._form(session, {"promotion_code": error.message}, 422)
        return redirect(f"/c/pay/{session.id}", 303)

    def _enter(self, session: Record, word: str) -> None:
        code = promotions.find_code(self._core, word)
        if code is None:
            raise ApiError(400, "Enter a code that exists; this one does not")
        promotions.apply_code(self._core, session, code)
        self._core.store.save(session)


def success_address(session: Record) -> str:
    """`success_url` with the session's id in its place, however the braces were written."""
    url: str = session.object["success_url"]
    return re.sub(r"\{CHECKOUT_SESSION_ID\}|%7BCHECKOUT_SESSION_ID%7D", session.id, url, flags=re.IGNORECASE)


def blueprint(core: Core, deliverer: Deliverer) -> Blueprint:
    """The page's addresses."""
    page = HostedPage(core, deliverer)
    pages = Blueprint("hosted_page", __name__)
    pages.add_url_rule("/c/pay/<id>", "show", page.show, methods=["GET"])
    pages.add_url_rule("/c/pay/<id>", "pay", page.pay, methods=["POST"])
    pages.add_url_rule("/c/pay/<id>/authenticate", "authenticate", page.authenticate, methods=["GET"])
    pages.add_url_rule("/c/pay/<id>/authenticate", "answer", page.answer, methods=["POST"])
    pages.add_url_rule("/c/pay/<id>/promotion-code", "promotion_code", page.promotion_code, methods=["POST"])
    return pages
