"""The basket: filled, changed and checked out, by guests and members alike."""
