"""How fast pages answer, beside a bare Flask page of the same size under the same gunicorn. Called by the command line."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from app.extensions import db
from app.models import ClubSession
from app.rules.statuses import Role
from app.services import checkout
from app.services.registrations import Applicant
from tests.support.factories import PASSWORD, make_user
from tests.support.run import Run

from . import filling, servers
from .asked import Asked
from .load import Measured, hammer
from .signing_in import signed_in
from .table import Table

CONNECTIONS = (1, 8, 32)
STAFF = "staff@club.example"


def run(where: Run, directory: Path, asked: Asked) -> Table:
    """What visitors, buyers and the desk look at, each beside its floor."""
    table = Table(f"Pages on {asked.kind}", ["page", "connections", "a second", "p50 ms", "p95 ms", "p99 ms", "of its floor"])
    with filling.database(where, asked.kind, directory) as url:
        with filling.app_on(url):
            slug, sold_out = filling.sessions(200)[0], filling.sessions(1, capacity=20, places_taken=20, title="Sold out")[0]
            paths = {
                "session page": (f"/sessions/{slug}", f"/page/{slug}"), "form": (f"/sessions/{slug}/register", f"/page/{slug}"),
                "sold-out page": (f"/sessions/{sold_out}", f"/page/{slug}"), "list of 200": ("/", "/list"),
                "availability": (f"/sessions/{slug}/availability", f"/page/{slug}"),
                "order page": (f"/orders/{_order()}", f"/page/{slug}"), "desk: 1,000 bookings": (_long_session(), "/list"),
            }  # fmt: skip
            make_user(email=STAFF, password=PASSWORD, role=Role.STAFF)
        with servers.bare(url, directory) as floor, servers.muster(url, directory) as site:
            _measure(table, asked.seconds, site.url, floor.url, paths)
            with filling.app_on(url):
                filling.sessions(10_000)
            _measure(table, asked.seconds, site.url, floor.url, {"list, of 10,000 sessions": ("/", "/list")})
    return table


def _measure(table: Table, seconds: float, site: str, floor: str, paths: dict[str, tuple[str, str]]) -> None:
    """Each page and its floor in turn, at each number of connections."""
    cookie = {"Cookie": signed_in(site, STAFF, PASSWORD)}
    for name, (ours, its_floor) in paths.items():
        headers = cookie if name.startswith("desk") else None
        for connections in CONNECTIONS:
            lowest = hammer(f"{floor}{its_floor}", connections, seconds)
            add(table, name, connections, hammer(f"{site}{ours}", connections, seconds, headers=headers), lowest)


def _order() -> str:
    """The token of somebody's order, in an app context."""
    slug = filling.sessions(1, member_price_cents=None, non_member_price_cents=None)[0]
    return checkout.begin_registration(slug, Applicant("Ana Lee", "ana@example.org", 2, 0, "attempt-of-ana")).order_token


def _long_session() -> str:
    """The desk's page of a session with a thousand bookings, in an app context."""
    filling.past_registrations(1_000, of_each_session=1_000)
    slug = db.session.execute(sa.select(ClubSession.slug).where(ClubSession.capacity == 1_000)).scalar_one()
    return f"/admin/sessions/{slug}"


def add(table: Table, name: str, connections: int, measured: Measured, floor: Measured) -> None:
    """One row: the page and, in the line below it, its floor."""
    if measured.failures or floor.failures:
        name += f" ({measured.failures + floor.failures} failures)"
    table.row(name, connections, f"{measured.rate:.0f}", *_times(measured), f"{measured.rate / floor.rate:.0%}")
    table.row("  its floor", "", f"{floor.rate:.0f}", *_times(floor), "")


def _times(measured: Measured) -> list[str]:
    return [f"{measured.percentile(percent):.1f}" for percent in (50, 95, 99)]
