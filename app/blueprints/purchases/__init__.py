"""What was bought, opened by its secret link."""
