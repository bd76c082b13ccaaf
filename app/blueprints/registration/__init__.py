"""The booking form, the check page and leaving for Stripe."""
