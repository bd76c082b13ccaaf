"""Races on real databases: each defence runs with what it defends against, and has a twin that shows the breach without it."""
