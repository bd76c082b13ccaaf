"""The treasurer's lists of orders, payments, refunds and ledger rows: searched, filtered, paged by links; and one order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_babel import lazy_gettext as _
from werkzeug.datastructures import MultiDict

from ...config import current_settings
from ...queries import desk_ledger, desk_listing, desk_order, desk_orders, desk_people
from ...queries.desk_listing import Listing, Sort, Wanted
from ...rules.statuses import Role
from ...security import staff_only
from . import bp
from .action_forms import OpenPeriodForm
from .money_words import KINDS, ORDER_STATES, PAYMENT_STATES, REFUND_STATES, SORTS, provider_words
from .paging import page_number
from .record_words import account_words

LONGEST_SEARCH = 200


@dataclass(frozen=True, slots=True)
class MoneyList:
    """One list: what it is called, its query, and the choices of its filters."""

    name: str
    title: Any
    listing: Listing
    states: Mapping[Any, tuple[Any, str]]
    by_provider: bool
    kinds: Callable[[], Iterable[tuple[str, str]]]
    kinds_label: Any
    search_label: Any


def _item_kinds() -> Iterable[tuple[str, str]]:
    return [(kind.value, str(words)) for kind, words in KINDS.items()]


def _accounts() -> Iterable[tuple[str, str]]:
    return [(account, account_words(account)) for account in desk_ledger.accounts()]


_FOR, _FIND = _("For"), _("Name, e-mail, reference or Stripe id")
LISTS = {
    made.name: made
    for made in (
        MoneyList("orders", _("Orders"), desk_orders.ORDERS, ORDER_STATES, False, _item_kinds, _FOR, _FIND),
        MoneyList("payments", _("Payments"), desk_orders.PAYMENTS, PAYMENT_STATES, True, _item_kinds, _FOR, _FIND),
        MoneyList("refunds", _("Refunds"), desk_orders.REFUNDS, REFUND_STATES, True, _item_kinds, _FOR, _FIND),
        MoneyList("ledger", _("Ledger"), desk_ledger.LEDGER, {}, True, _accounts, _("Account"),
                  _("Name, reference, session or Stripe id")),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """A list as somebody asked for it: what of it, with which choices; ``given`` is kept by links and the export."""

    list: MoneyList
    wanted: Wanted
    period: OpenPeriodForm
    kinds: list[tuple[str, str]]
    providers: list[tuple[str, str]]
    given: dict[str, str]

    @property
    def filtered(self) -> bool:
        """Whether it shows less than everything."""
        return bool({name for name in self.given if name != "sort"})

    @property
    def chosen(self) -> bool:
        """Whether more was chosen than a word to search for."""
        return self.wanted.sort != Sort.NEWEST or not {"q", "sort"}.issuperset(self.given)


def asked(name: str, args: MultiDict[str, str]) -> Asked:
    """What the address or the export's form asks for. What there is no such choice of means any."""
    shown = LISTS[name]
    kinds = list(shown.kinds())
    providers = [(provider, provider_words(provider)) for provider in desk_orders.providers()] if shown.by_provider else []
    period = OpenPeriodForm(args)
    period.validate()
    begins_at, ends_at = period.moments(current_settings().time_zone)
    status = _one_of((str(state.value) for state in shown.states), args.get("status"))
    wanted = Wanted(
        text=args.get("q", "").strip()[:LONGEST_SEARCH],
        status=status,
        kind=_one_of((value for value, _words in kinds), args.get("kind")),
        provider=_one_of((value for value, _words in providers), args.get("provider")),
        begins_at=begins_at,
        ends_at=ends_at,
        sort=Sort(_one_of(set(Sort), args.get("sort")) or Sort.NEWEST),
    )
    names = ("q", "status", "kind", "provider", "from", "to", "sort")
    return Asked(shown, wanted, period, kinds, providers, {n: args[n] for n in names if args.get(n)})


def _one_of(known: Iterable[str], value: str | None) -> str | None:
    return value if value in set(known) else None


def _show(name: str) -> ResponseReturnValue:
    ask = asked(name, request.args)
    page = desk_listing.page(ask.list.listing, ask.wanted, page_number())
    names = desk_people.names(row.actor for row in page.items) if name == "refunds" else {}
    shown = {"ask": ask, "page": page, "names": names, "sorts": SORTS}
    return render_template(f"admin/money_{name}.html", **shown), 422 if ask.period.errors else 200


@bp.get("/money/orders")
@staff_only(Role.STAFF)
def money_orders() -> ResponseReturnValue:
    """Every purchase: what it is for, whether it is paid, what went back."""
    return _show("orders")


@bp.get("/money/payments")
@staff_only(Role.STAFF)
def money_payments() -> ResponseReturnValue:
    """Every attempt to pay and all money taken by hand, with Stripe's fees and ids."""
    return _show("payments")


@bp.get("/money/refunds")
@staff_only(Role.STAFF)
def money_refunds() -> ResponseReturnValue:
    """All money going back, who decided it and why."""
    return _show("refunds")


@bp.get("/money/ledger")
@staff_only(Role.STAFF)
def money_ledger() -> ResponseReturnValue:
    """The books row by row, as they were written."""
    return _show("ledger")


@bp.get("/money/orders/<token:token>")
@staff_only(Role.STAFF)
def money_order(token: str) -> ResponseReturnValue:
    """One order with its items, payments, refunds, rows of the books, mails and record."""
    page = desk_order.page(token) or abort(404)
    return render_template("admin/money_order.html", page=page, title=gettext("Order %(ref)s", ref=page.order.reference))
