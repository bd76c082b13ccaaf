"""Whether pages stay as fast as a club's past grows. Called by the command line; a million registrations take a while."""

from __future__ import annotations

from pathlib import Path

from app.rules.statuses import Role
from tests.support.factories import PASSWORD, make_user
from tests.support.run import Run

from . import filling, servers
from .asked import Asked
from .load import hammer
from .signing_in import signed_in
from .table import Table

SIZES = (100, 10_000, 1_000_000)


def run(where: Run, directory: Path, asked: Asked) -> Table:
    """Each page at each size, as milliseconds at the median and as a ratio to the smallest."""
    table = Table(f"Growth on {asked.kind}", ["page", *(f"{size:,} past" for size in SIZES), "largest / smallest"])
    figures: dict[str, list[float]] = {}
    for size in SIZES:
        with filling.database(where, asked.kind, directory / str(size)) as url:
            with filling.app_on(url):
                slug = filling.sessions(30)[0]
                make_user(email="staff@club.example", password=PASSWORD, role=Role.STAFF)
                filling.past_registrations(size)
            with servers.muster(url, directory) as site:
                cookie = {"Cookie": signed_in(site.url, "staff@club.example", PASSWORD)}
                paths = {
                    "list": ("/", None), "session page": (f"/sessions/{slug}", None),
                    "form": (f"/sessions/{slug}/register", None),
                    "desk: today": ("/admin/", cookie), "desk: sessions": ("/admin/sessions", cookie),
                    "desk: bookings": (f"/admin/sessions/{slug}", cookie), "desk: all bookings": ("/admin/registrations", cookie),
                    "desk: money": ("/admin/money", cookie),
                }  # fmt: skip
                for name, (path, headers) in paths.items():
                    measured = hammer(f"{site.url}{path}", 1, asked.seconds, headers=headers)
                    if set(measured.statuses) != {200}:
                        name += f" {dict(measured.statuses)}"
                    figures.setdefault(name, []).append(measured.percentile(50))
    for name, medians in figures.items():
        table.row(name, *(f"{median:.1f} ms" for median in medians), f"{medians[-1] / medians[0]:.2f}")
    return table
