"""Paging by links: which page is asked for, and the address of the others with every filter kept. Called by the desk's lists."""

from __future__ import annotations

from urllib.parse import urlencode

from flask import request

HIGHEST = 1_000_000


def page_number() -> int:
    """The page asked for by ``?page=``, from 1; anything that is no such number is the first."""
    return min(max(1, request.args.get("page", 1, type=int)), HIGHEST)


def page_url(number: int) -> str:
    """The address of another page of the list being shown."""
    kept = [(name, value) for name, value in request.args.items() if name != "page" and value]
    return f"{request.path}?{urlencode([*kept, ('page', str(number))])}"


def sort_url(sort: str) -> str:
    """The address of the first page of the same list in another order."""
    kept = [(name, value) for name, value in request.args.items() if name not in ("page", "sort") and value]
    return f"{request.path}?{urlencode([*kept, ('sort', sort)])}"
