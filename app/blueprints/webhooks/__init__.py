"""Where Stripe posts its events."""
