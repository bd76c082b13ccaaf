"""The operations on coupons and promotion codes.

Bound to URLs by `api.dispatch`.
"""
from __future__ import annotations

from ..acts import promotions
from ..listing import CREATED, IGNORED, PAGING, list_page
from ..schema import Boolean, Fields, Text
from ..store import Json, Record
from .operation import Call, Operation, retrieve
from .parameters import COUPON_CREATE, PROMOTION_CODE_CREATE


def _create_coupon(call: Call) -> Json:
    return call.show(promotions.create_coupon(call.core, call.params))


def _delete_coupon(call: Call) -> Json:
    coupon = call.record("coupon", "coupon")
    for code in call.core.store.all("promotion_code"):
        if code.object["promotion"]["coupon"] == coupon.id:
            code.object["active"] = False
            call.core.store.save(code)
    call.core.store.remove("coupon", coupon.id)
    return {"id": coupon.id, "object": "coupon", "deleted": True}


def _coupons(call: Call) -> Json:
    return list_page(call.core, "coupon", call.params, call.path)


def _create_code(call: Call) -> Json:
    return call.show(promotions.create_promotion_code(call.core, call.params))


def _codes(call: Call) -> Json:
    params = call.params
    word = str(params.get("code", "")).casefold()

    def keep(record: Record) -> bool:
        code = record.object
        return (
            params.get("active", code["active"]) == code["active"]
            and (not word or word == code["code"].casefold())
            and params.get("coupon", code["promotion"]["coupon"]) == code["promotion"]["coupon"]
            and not ({"customer", "customer_account"} & set(params))
        )

    return list_page(call.core, "promotion_code", params, call.path, keep)


_COUPONS, _CODES = "/v1/coupons", "/v1/promotion_codes"
OPERATIONS = (
    Operation("POST", _COUPONS, "coupon.create", _create_coupon, COUPON_CREATE),
    Operation("GET", _COUPONS, "coupon.list", _coupons, Fields({**PAGING, **CREATED})),
    retrieve(_COUPONS, "coupon.retrieve", "coupon", "coupon"),
    Operation("DELETE", f"{_COUPONS}/<id>", "coupon.delete", _delete_coupon),
    Operation("POST", _CODES, "promotion_code.create", _create_code, PROMOTION_CODE_CREATE),
    Operation(
        "GET", _CODES, "promotion_code.list", _codes,
        Fields({**PAGING, **CREATED, **IGNORED, "active": Boolean(), "code": Text(), "coupon": Text()}),
    ),
    retrieve(_CODES, "promotion_code.retrieve", "promotion_code", "promotion_code"),
)  # fmt: skip
