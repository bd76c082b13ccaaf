"""The whole house as it runs for a club: gunicorn, two workers and the local Stripe as processes, killed at random."""
