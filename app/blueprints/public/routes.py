"""The list, the session page, availability as JSON, calendars and the club's colour. Anybody may see them; nothing is changed."""

from __future__ import annotations

from flask import Blueprint, Response, abort, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue

from ... import clock
from ...config import current_settings
from ...integrations.calendar_file import Event, event_file, feed, uid
from ...queries import club_sessions
from ...queries.club_sessions import SessionView
from ...rules.statuses import SessionStatus
from ...security import public
from ...templating import club_css
from .. import drawn, viewer

bp = Blueprint("public", __name__)
bp.record_once(lambda state: drawn.init_drawn(state.app))


@bp.get("/")
@public
def sessions() -> ResponseReturnValue:
    """The sessions to come by day, or with ``?show=past`` those past and cancelled."""
    now = clock.now()
    if request.args.get("show") == "past":
        days = club_sessions.out_of_the_way(now, standing=viewer.standing())
        return render_template("public/sessions.html", days=days, show="past", now=now)
    facts = club_sessions.upcoming_facts(now)

    def draw() -> drawn.Drawing:
        days = club_sessions.upcoming_of(facts, now, standing=viewer.standing())
        html = render_template("public/sessions.html", days=days, show="upcoming", now=now)
        return html, [view for day in days for view in day.sessions]

    return drawn.for_visitor(facts, draw) if drawn.is_visitor() else draw()[0]


@bp.get("/sessions/<slug:slug>")
@public
def session_page(slug: str) -> ResponseReturnValue:
    """Everything to decide by."""
    now = clock.now()
    facts = club_sessions.page_facts(slug) or abort(404)

    def draw() -> drawn.Drawing:
        page = club_sessions.page_of(facts, now, standing=viewer.standing())
        return render_template("public/session.html", page=page, now=now), [page]

    return drawn.for_visitor(facts, draw) if drawn.is_visitor() else draw()[0]


@bp.get("/sessions/<slug:slug>/availability")
@public
def availability(slug: str) -> ResponseReturnValue:
    """How many places are left, for programs and for the page's own refresh."""
    page = club_sessions.page(slug, clock.now()) or abort(404)
    response = jsonify(
        status=page.status,
        state=page.state,
        capacity=page.counters.capacity,
        placesLeft=page.places_left,
        waitlistLeft=page.waitlist_left,
        waitlistOpen=page.counters.waitlist_open,
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.get("/sessions.ics")
@public
def calendar() -> ResponseReturnValue:
    """Every session to come, for a calendar that subscribes."""
    events = [_event(view) for day in club_sessions.upcoming(clock.now()) for view in day.sessions]
    return _calendar(feed(events, current_settings().site_name), "sessions.ics")


@bp.get("/sessions/<slug:slug>.ics")
@public
def session_calendar(slug: str) -> ResponseReturnValue:
    """One session for somebody's calendar; cancelled ones take themselves out of it."""
    page = club_sessions.page(slug, clock.now()) or abort(404)
    return _calendar(event_file(_event(page)), f"{slug}.ics")


@bp.get("/club.css")
@public
def club_colour() -> ResponseReturnValue:
    """The club's colour: its own small stylesheet, because no page carries inline style."""
    response = Response(club_css(current_settings().site_colour), mimetype="text/css")
    response.cache_control.public, response.cache_control.max_age = True, 86400
    return response


def _event(view: SessionView) -> Event:
    settings = current_settings()
    return Event(
        uid=uid(view.slug, settings.host),
        sequence=view.calendar_sequence,
        starts_at=view.starts_at,
        ends_at=view.ends_at,
        changed_at=view.updated_at,
        title=view.title,
        location=view.location,
        description=view.summary,
        url=f"{settings.site_url}{url_for('public.session_page', slug=view.slug)}",
        cancelled=view.status is SessionStatus.CANCELLED,
    )


def _calendar(text: str, name: str) -> Response:
    response = Response(text, content_type="text/calendar; charset=utf-8")
    response.headers["Content-Disposition"] = f'inline; filename="{name}"'
    response.cache_control.public, response.cache_control.max_age = True, 300
    return response


