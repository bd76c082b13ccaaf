"""The top and the foot of every page: the same for all visitors, so they are drawn once and kept. Called by the base template.

What depends on who is signed in is drawn each time. ``init_site_frame`` is called once by ``create_app``.
"""

from __future__ import annotations

from collections.abc import Hashable

from flask import Flask, current_app, render_template, request
from flask_babel import get_locale
from flask_login import current_user
from markupsafe import Markup

KEPT = "muster_site_frame"


def init_site_frame(app: Flask) -> None:
    """Give the app's templates both parts."""
    app.extensions[KEPT] = {}
    app.jinja_env.globals.update(site_header=site_header, site_footer=site_footer)


def site_header() -> Markup:
    """The club's name, the menu with the part of the site one is in, and who is signed in."""
    if current_user.is_authenticated:
        return _draw("layouts/site_header.html")
    return _kept("layouts/site_header.html", request.blueprint)


def site_footer() -> Markup:
    """The club's time zone and its calendar."""
    return _kept("layouts/site_footer.html", None)


def _kept(template: str, part: Hashable) -> Markup:
    """As many as there are parts of the site, for each language and mount point: few enough to keep them all."""
    kept: dict[Hashable, Markup] = current_app.extensions[KEPT]
    key = (template, part, str(get_locale()), request.script_root)
    if key not in kept:
        kept[key] = _draw(template)
    return kept[key]


def _draw(template: str) -> Markup:
    return Markup(render_template(template))  # noqa: S704 - a template of ours, already escaped
