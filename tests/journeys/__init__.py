"""Whole visits in a real Chromium, through the real SDK, over HTTP to the local Stripe and a real mail server."""
