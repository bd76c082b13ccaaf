"""Coupons and promotion codes: made through the API, put to work on a session by its creator or its payer.

Called by `api.promotions`, `acts.sessions` and the payment page.
"""
from __future__ import annotations

from ..core import Core
from ..errors import invalid, no_such, refused
from ..money import minimum_charge
from ..objects.coupon import build_coupon, build_discount, build_promotion_code
from ..objects.line_item import spread_discount
from ..store import Json, Record


def create_coupon(core: Core, params: Json) -> Record:
    """A coupon takes an amount in a currency, or a percentage, off."""
    if ("percent_off" in params) == ("amount_off" in params):
        raise invalid("Must provide either percent_off or amount_off.", "percent_off")
    if "amount_off" in params and "currency" not in params:
        raise invalid("You must pass currency when passing amount_off", "currency", "parameter_missing")
    if core.store.get("coupon", params.get("id")):
        raise refused("Coupon already exists.", "id", "resource_already_exists")
    return core.store.add("coupon", build_coupon(params, core.clock.now()))


def is_valid(core: Core, coupon: Json) -> bool:
    """Whether a coupon can still be used."""
    spent = coupon["max_redemptions"] is not None and coupon["times_redeemed"] >= coupon["max_redemptions"]
    late = coupon["redeem_by"] is not None and coupon["redeem_by"] <= core.clock.now()
    return not spent and not late


def create_promotion_code(core: Core, params: Json) -> Record:
    """A code for a coupon; active codes are unique, whatever their case."""
    coupon = params["promotion"]["coupon"]
    if core.store.get("coupon", coupon) is None:
        raise no_such("coupon", coupon, "promotion[coupon]")
    if "code" in params and find_code(core, params["code"]):
        raise refused("An active promotion code with `code` already exists.", "code", "resource_already_exists")
    return core.store.add("promotion_code", build_promotion_code(params, core.clock.now()))


def find_code(core: Core, code: str) -> Record | None:
    """The active promotion code with this word."""
    wanted = code.strip().casefold()
    codes = core.store.all("promotion_code")
    return next((c for c in codes if c.object["active"] and c.object["code"].casefold() == wanted), None)


def apply_sent(core: Core, session: Record, sent: Json) -> None:
    """`discounts[0]` of a session being created: a coupon or a promotion code, by id."""
    if "promotion_code" in sent:
        code = core.store.get("promotion_code", sent["promotion_code"])
        if code is None:
            raise no_such("promotion code", sent["promotion_code"], "discounts[0][promotion_code]")
        apply_code(core, session, code)
        return
    coupon = core.store.get("coupon", sent.get("coupon"))
    if coupon is None:
        raise no_such("coupon", sent.get("coupon", ""), "discounts[0][coupon]")
    _apply(core, session, coupon, None)


def apply_code(core: Core, session: Record, code: Record) -> None:
    """Take a promotion code off a session's total, or say why not."""
    promotion, restrictions, now = code.object, code.object["restrictions"], core.clock.now()
    spent = promotion["max_redemptions"] is not None and promotion["times_redeemed"] >= promotion["max_redemptions"]
    if not promotion["active"] or spent or (promotion["expires_at"] or now + 1) <= now:
        raise refused("This promotion code is expired or was used up.", "promotion_code", "promotion_code_expired")
    if restrictions["first_time_transaction"]:
        raise refused("This promotion code is for known first-time customers only.", "promotion_code")
    if (restrictions["minimum_amount"] or 0) > session.object["amount_subtotal"]:
        raise refused("This order is too small for this promotion code.", "promotion_code")
    _apply(core, session, core.store.need("coupon", promotion["promotion"]["coupon"]), code)


def _apply(core: Core, session: Record, coupon: Record, code: Record | None) -> None:
    if not is_valid(core, coupon.object):
        raise refused(f"Coupon {coupon.id} is not valid any more.", "discounts[0][coupon]", "coupon_expired")
    subtotal, currency = session.object["amount_subtotal"], session.object["currency"]
    if coupon.object["amount_off"] is not None:
        if coupon.object["currency"] != currency:
            raise refused(f"This discount is not in {currency.upper()}.", "discounts[0][coupon]")
        off = min(subtotal, coupon.object["amount_off"])
    else:
        hundredths = round(coupon.object["percent_off"] * 100)
        off = (subtotal * hundredths + 5000) // 10000
    if 0 < subtotal - off < minimum_charge(currency):
        raise refused("With this discount the total would be too small to charge.", None, "amount_too_small")
    spread_discount(session.private["lines"], off)
    session.object["amount_total"] = subtotal - off
    session.object["total_details"]["amount_discount"] = off
    session.object["discounts"] = [
        {"coupon": None if code else coupon.id, "promotion_code": code.id if code else None}
    ]
    session.private["discount"] = build_discount(coupon.id, code.id if code else None, session.id, core.clock.now())


def remove(core: Core, session: Record) -> None:
    """The payer thinks better of it."""
    spread_discount(session.private["lines"], 0)
    session.object.update(amount_total=session.object["amount_subtotal"], discounts=[])
    session.object["total_details"]["amount_discount"] = 0
    session.private["discount"] = None
    core.store.save(session)


def redeem(core: Core, session: Record) -> None:
    """Count the use of whatever discount a completed session had."""
    discount = session.private.get("discount")
    if not discount:
        return
    for kind, id_ in (("coupon", discount["source"]["coupon"]), ("promotion_code", discount["promotion_code"])):
        record = core.store.get(kind, id_)
        if record is not None:
            record.object["times_redeemed"] += 1
            core.store.save(record)
