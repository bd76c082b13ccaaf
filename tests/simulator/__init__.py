"""Tests of the simulator itself, so that what is built against it can trust it.

Run by pytest; they know nothing of the site.
"""
