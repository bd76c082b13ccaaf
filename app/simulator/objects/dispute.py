"""Builds disputes: a payer's bank asking for the money back.

Called by `acts.disputes` only.
"""
from __future__ import annotations

from ..ids import new_id
from ..store import Json

_EVIDENCE = """
access_activity_log billing_address cancellation_policy cancellation_policy_disclosure
cancellation_rebuttal customer_communication customer_email_address customer_name customer_purchase_ip
customer_signature duplicate_charge_documentation duplicate_charge_explanation duplicate_charge_id
product_description receipt refund_policy refund_policy_disclosure refund_refusal_explanation
service_date service_documentation shipping_address shipping_carrier shipping_date shipping_documentation
shipping_tracking_number uncategorized_file uncategorized_text
"""


def build_dispute(charge: Json, reason: str, now: int) -> Json:
    """A dispute over what was not refunded yet, with evidence due in a week."""
    return {
        "id": new_id("dp"),
        "object": "dispute",
        "amount": charge["amount"] - charge["amount_refunded"],
        "balance_transactions": [],
        "charge": charge["id"],
        "created": now,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(_EVIDENCE.split()), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": now + 7 * 24 * 3600,
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "intended_submission_method": None,
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "payment_method_details": {
            "card": {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"},
            "type": "card",
        },
        "reason": reason,
        "status": "needs_response",
    }
