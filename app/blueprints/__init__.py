"""The web, sliced by audience: parse, one query to show or one use case to change, answer."""
