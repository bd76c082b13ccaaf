"""Builders of Stripe's JSON objects, one noun a file; they know no store and no clock.

Called by the acts, which decide what happens and keep what was built.
"""
