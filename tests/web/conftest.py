"""Fixtures of the web tests alone."""

from __future__ import annotations

from tests.support.words import bare_templates

__all__ = ["bare_templates"]
