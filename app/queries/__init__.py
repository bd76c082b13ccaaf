"""Reads for pages and commands, each in a fixed number of statements; they write nothing and return plain values."""
