"""The settings tests start the app with: safe, complete, and pointing at nothing outside this machine."""

from __future__ import annotations

from app.config import Settings

SITE_URL = "http://muster.test"
SECRET_KEY = "q7Jx0Vb2Lr9TzN4wKf8Hs1Yd6Pm3Gc5A"
STRIPE_KEY = "sk_test_muster_tests"
WEBHOOK_SECRET = "whsec_muster_tests"
NOWHERE = "http://127.0.0.1:9"
"""An address where nothing listens: Stripe, for tests that do not ask for its stand-in."""


def safe_settings(database_url: str, **changes: object) -> Settings:
    """Settings that `create_app` starts with, on this database."""
    settings = Settings(
        secret_key=SECRET_KEY,
        site_url=SITE_URL,
        database_url=database_url,
        stripe_secret_key=STRIPE_KEY,
        site_name="Harbour Social Club",
        stripe_webhook_secrets=(WEBHOOK_SECRET,),
        stripe_api_base=NOWHERE,
        mail_from="Harbour Social Club <office@muster.test>",
        checkout_origins=(NOWHERE,),
    )
    return settings.with_(**changes)
