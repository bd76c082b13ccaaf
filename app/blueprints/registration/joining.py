"""Join and book: what becoming a member would save on this booking, and what both cost together. Called by the registration
views.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import gettext as _

from ... import clock
from ...extensions import db
from ...queries import membership_plans, memberships
from ...queries.club_sessions import SessionView
from ...queries.membership_plans import PlanView
from ...queries.memberships import Standing
from ...rules import pricing
from ...rules.statuses import ItemKind
from ...services import membership_sales, order_lines, vouchers
from ...services.membership_sales import Sale
from ...services.vouchers import Applied, Sold
from ...templating import money
from ...wording import plan_length
from .. import viewer
from .forms import RegistrationForm


@dataclass(frozen=True, slots=True)
class Bill:
    """Everything an order would hold: the places, and the membership bought with them if there is one."""

    quote: pricing.Quote
    sale: Sale | None
    code: Applied | None = None
    """The code that was typed, if it takes something off."""

    @property
    def total_cents(self) -> int:
        full = self.quote.total_cents + (self.sale.price.cents if self.sale else 0)
        return full - (self.code.saved_cents if self.code else 0)


def offer(form: RegistrationForm, plans: Sequence[PlanView]) -> None:
    """Let the form ask whether to join as well, with these plans; without any it does not ask."""
    if plans:
        form.join_plan.choices = [(plan.slug, _choice(plan)) for plan in plans] + [("", _("No, book without joining"))]
    else:
        del form.join_plan


def bill(page: SessionView, form: RegistrationForm, standing: Standing) -> Bill:
    """What the booking as asked for costs now, with the membership if one was chosen. Raises VoucherRefused for a wrong code."""
    sale = _sale(page, form, standing)
    is_member = standing.is_member or sale is not None
    places, now = form.places.data, clock.now()
    quote = pricing.quote(page.prices, places, is_member=is_member, is_student=standing.is_student, now=now)
    if not form.code.data:
        return Bill(quote, sale)
    sold = [Sold(ItemKind.REGISTRATION, page.id, order_lines.of_quote(page.title, quote))]
    if sale is not None:
        sold.append(Sold(ItemKind.MEMBERSHIP, sale.plan.id, membership_sales.lines(sale)))
    email, currency = form.email.data, quote.currency
    return Bill(
        quote, sale, vouchers.apply(db.session(), form.code.data, sold, currency, email=email, is_member=is_member, now=now)
    )


def _sale(page: SessionView, form: RegistrationForm, standing: Standing) -> Sale | None:
    wanted = form.join_plan.data if form.join_plan else ""
    plan = next((plan for plan in plans_for(page, standing) if plan.slug == wanted), None) if wanted else None
    return membership_sales.priced(plan, viewer.user_id(), form.email.data, standing) if plan else None


def plans_for(page: SessionView, standing: Standing) -> Sequence[PlanView]:
    """The plans on sale, if this session is cheaper for members and a place is free; no statement where it is not."""
    saves = page.for_members.unit_cents < page.quote.unit_cents
    if standing.is_member or not saves or not page.places_left or page.by_application:
        return ()
    now = clock.now()
    return membership_plans.on_sale(db.session(), now, memberships.club_today(now), currency=page.prices.currency)


def _choice(plan: PlanView) -> str:
    price = money(plan.price_cents, plan.currency) if plan.price_cents else _("free")
    student = plan.price(is_student=True)
    if student.is_student:
        price = _("%(price)s, students %(student)s", price=price, student=money(student.cents, plan.currency))
    yes = str(_("Yes: %(plan)s, %(length)s, %(price)s", plan=plan.name, length=plan_length(plan), price=price))
    gives = " ".join(plan.description.split())
    return f"{yes}. {gives}" if gives else yes
