"""The page on which somebody from the waitlist says yes or no to an offered place."""
