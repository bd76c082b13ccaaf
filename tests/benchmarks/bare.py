"""The floor: a Flask site with nothing in it but a template and the least statements, under the same gunicorn as Muster.

Started by servers.py as ``tests.benchmarks.bare:make()``; BARE_URL names a database that filling.py has filled.
"""

from __future__ import annotations

import os
from typing import Any

import sqlalchemy as sa
from flask import Flask, abort, redirect, request

PAGE = """<!doctype html><html lang="en"><head><title>{{ row.title }}</title></head><body><h1>{{ row.title }}</h1>
<p>{{ row.summary }}</p><p>{{ row.location }}</p><dl>{% for name, value in facts %}<dt>{{ name }}</dt><dd>{{ value }}</dd>
{% endfor %}</dl><p>{{ filler }}</p></body></html>"""
LIST = """<!doctype html><html lang="en"><head><title>Sessions</title></head><body><h1>Sessions</h1><ul>{% for row in rows %}
<li><p><time>{{ row.starts_at }}</time> to {{ row.ends_at }}</p><h3><a href="/sessions/{{ row.slug }}">{{ row.title }}</a></h3>
<p>{{ row.summary }}</p><p>{{ row.location }}</p><p>{{ "%.2f" | format((row.non_member_price_cents or 0) / 100) }}</p>
<p>{{ row.capacity - row.places_taken }} places left</p></li>{% endfor %}</ul></body></html>"""
FILLER = "So that this page is as long as the one it is compared with. " * 120


def make() -> Flask:
    """The bare site."""
    app, engine = Flask(__name__), engine_on(os.environ["BARE_URL"])
    page_template, list_template = app.jinja_env.from_string(PAGE), app.jinja_env.from_string(LIST)

    @app.get("/nothing")
    def nothing() -> str:
        return page_template.render(row={"title": "A title", "summary": "", "location": ""}, facts=[], filler=FILLER)

    @app.get("/page/<slug>")
    def page(slug: str) -> str:
        with engine.connect() as db:
            row: Any = db.execute(sa.text("SELECT * FROM club_sessions WHERE slug = :slug"), {"slug": slug}).one()
            taken = db.execute(sa.text("SELECT places_taken FROM club_sessions WHERE id = :id"), {"id": row.id}).scalar_one()
        facts = [("Places", row.capacity), ("Left", row.capacity - taken), ("Price", row.non_member_price_cents)]
        return page_template.render(row=row, facts=facts, filler=FILLER)

    @app.get("/list")
    def rows() -> str:
        with engine.connect() as db:
            found = db.execute(sa.text("SELECT * FROM club_sessions ORDER BY starts_at LIMIT 200")).all()
        return list_template.render(rows=found)

    @app.post("/take/<slug>")
    def take(slug: str) -> Any:
        with engine.begin() as db:
            if db.execute(TAKE, {"slug": slug}).rowcount != 1:
                abort(409)
            db.execute(INSERT, {"email": request.form["email"]})
        return redirect("/nothing", 303)

    @app.post("/told/<slug>")
    def told(slug: str) -> str:
        """As many statements as a paid Checkout takes, in a transaction, on rows that nobody else wants."""
        event = request.get_json()
        with engine.begin() as db:
            db.execute(KEEP, {"email": event["id"], "payload": request.get_data(as_text=True)})
            for number in range(STATEMENTS - 1):
                if number % 2:
                    db.execute(INSERT, {"email": event["id"]})
                else:
                    db.execute(sa.text("SELECT * FROM club_sessions WHERE slug = :slug"), {"slug": slug}).one()
        return ""

    return app


TAKE = sa.text(
    "UPDATE club_sessions SET places_taken = places_taken + 1 WHERE slug = :slug AND places_taken + 1 <= capacity + overbooked"
)
INSERT = sa.text("INSERT INTO bare_bookings (email) VALUES (:email)")
TWO = (TAKE, INSERT)
KEEP = sa.text("INSERT INTO bare_bookings (email, payload) VALUES (:email, :payload)")
STATEMENTS = 10
"""Of a webhook that tells of a paid booking; ``statements`` of the benchmarks counts those of pages."""


def engine_on(url: str, clients: int = 5) -> sa.Engine:
    """An engine for so many clients with Muster's own settings of SQLite, and the one table that is written."""
    patience = {"connect_args": {"timeout": 10}} if url.startswith("sqlite") else {}
    engine = sa.create_engine(url, pool_size=clients, **patience)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _as_muster)
        sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.begin() as db:
        db.execute(sa.text("CREATE TABLE IF NOT EXISTS bare_bookings (email VARCHAR(254), payload TEXT)"))
    engine.dispose()  # workers are forked from here, and two of them must not share a connection
    return engine


def _as_muster(connection: Any, _record: Any) -> None:
    """The same pragmas as Muster's own connections have."""
    connection.isolation_level = None
    for pragma in ("journal_mode=wal", "synchronous=normal", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")
