"""Whole histories of a club, made from a seed: real code and database; Stripe, mail and time simulated. See `__main__` to run."""
