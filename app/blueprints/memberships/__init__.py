"""The plans on sale, and joining or renewing."""
