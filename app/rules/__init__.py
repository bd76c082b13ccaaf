"""Pure policy: what may happen, never how it is stored. Imports nothing of the app above it, no Flask, SQL or Stripe."""
