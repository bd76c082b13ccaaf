"""Refuses, before anything reads it, what no page of ours sends and no database takes. ``security`` asks it at each request."""

from __future__ import annotations

from flask import abort, current_app, request

NUL = "\0"


def refuse_unreadable() -> None:
    """Answer 400 to a query that is no text, and to a NUL in the query, the cookies or what a form sends.

    What Stripe sends is signed and read as it came; what is in an uploaded file is for nobody here to judge.
    """
    if request.endpoint is None:  # there is no such page, and nothing will be read
        return
    if not _is_text(request.query_string) or any(NUL in value for value in request.cookies.values()):
        abort(400)
    view = current_app.view_functions[request.endpoint]
    if request.method not in ("GET", "HEAD") and getattr(view, "muster_permission", None) != "stripe":
        names = (file.filename or "" for file in request.files.values())
        if any(NUL in value for _name, value in request.form.items(multi=True)) or any(NUL in name for name in names):
            abort(400)


def _is_text(query: bytes) -> bool:
    if b"%00" in query or b"\0" in query:
        return False
    try:
        query.decode()
    except UnicodeDecodeError:
        return False
    return True
