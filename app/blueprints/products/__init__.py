"""Courses and files for sale."""
