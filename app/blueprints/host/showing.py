"""The page of one hosted session, shown by every view that something typed on it is sent to."""

from __future__ import annotations

from flask import abort, render_template
from flask.typing import ResponseReturnValue
from flask_login import current_user

from ...config import current_settings
from ...queries import hosting
from ...queries.hosting import HostedSession
from ...rules.refusals import PriceChanged, Refusal
from ...services import hosting as service
from .. import typed_codes
from ..buyer_fields import fresh_attempt
from .forms import FeeForm, InviteForm


def hosted_by_me(slug: str) -> HostedSession:
    """The session, which this person hosts or helps with; everybody else finds nothing."""
    return hosting.one(slug, current_user.user_id) or abort(404)


def fee_of(form: FeeForm) -> service.Fee:
    """Who pays what, as the service takes it."""
    person = current_user
    return service.Fee(
        person.user_id, person.name, person.email, form.attempt.data, form.code.data, form.expected_total_cents.data
    )


def show(
    hosted: HostedSession, refusal: Refusal | None = None, *, form: FeeForm | None = None, invite: InviteForm | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    """The session's page. ``form``: what was typed in the form of its fee, whose code may be what was refused; ``invite``: the
    address that was typed, with why it cannot be invited.
    """
    form, settings = form or FeeForm(formdata=None), current_settings()
    changed, quoted = isinstance(refusal, PriceChanged), None
    if hosted.to_pay and form.code.data and not form.errors and (refusal is None or changed):
        try:
            quoted = service.offered(hosted.slug, fee_of(form))
        except Refusal as error:
            refusal = error
    if refusal is not None:
        form.attempt.data, status = fresh_attempt(), refusal.status
        refusal = None if changed or typed_codes.refused(form, refusal) else refusal
    page = render_template(
        "host/session.html", hosted=hosted, refusal=refusal, fees=hosting.fees(hosted.id), co_hosts=hosting.co_hosts(hosted.id),
        fee_cents=settings.listing_fee_cents, currency=settings.currency, reviewed=settings.listing_review,
        form=form, quoted=quoted, changed=changed, invite=invite or InviteForm(formdata=None),
    )  # fmt: skip
    return page, status
